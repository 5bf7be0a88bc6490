export interface HeartbeatOptions {
  /** A ping goes out when nothing was heard for this long, in ms. */
  intervalMs: number;
  /** The other side is taken for dead after this much silence, in ms. */
  deadAfterMs: number;
}

/**
 * An idle tunnel costs one ping and one pong a second. Death is found within 15 s: as long as a tunnel that is taken for
 * dead takes its connections with it (there is no resumption yet), an overloaded machine must have time to answer.
 */
export const defaultHeartbeat: HeartbeatOptions = { intervalMs: 1_000, deadAfterMs: 15_000 };

/**
 * Watches for silence. It counts its own ticks, not the clock: a process that was asleep or stopped has heard nothing
 * either, and must not take the other side for dead before it had the chance to hear.
 */
export class Heartbeat {
  readonly #timer: NodeJS.Timeout;
  #silentTicks = 0;

  constructor(options: HeartbeatOptions, ping: () => void, onDead: (silentMs: number) => void) {
    const deadTicks = Math.max(2, Math.round(options.deadAfterMs / options.intervalMs));
    this.#timer = setInterval(() => {
      this.#silentTicks += 1;
      if (this.#silentTicks >= deadTicks) onDead(options.deadAfterMs);
      else if (this.#silentTicks > 1) ping();
    }, options.intervalMs);
  }

  heard(): void {
    this.#silentTicks = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
