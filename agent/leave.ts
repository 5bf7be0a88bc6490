import type { Connections } from "./connections.ts";
import type { Lease } from "./lease.ts";

/** How often the reasons to leave are looked at, in ms. */
const lookEveryMs = 200;
/** A terminating agent without a client stays this long after its last connection, in ms. */
const quietMs = 1_000;

export interface LeaveReasons {
  readonly connections: Connections;
  /** When the connected client was last heard, in ms of `performance.now()`; undefined when none is connected. */
  clientHeardAt(): number | undefined;
  terminating(): boolean;
}

/** Watches for the moment at which the agent should go. */
export class Leave implements Disposable {
  readonly lease: Lease;
  readonly #reasons: LeaveReasons;
  readonly #ended = Promise.withResolvers<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(lease: Lease, reasons: LeaveReasons) {
    this.lease = lease;
    this.#reasons = reasons;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
  }

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** Leaves when the last connection has ended, or after `drainMs`; resolves just before. */
  async afterDrain(reason: string, drainMs: number): Promise<void> {
    const until = performance.now() + drainMs;
    while (this.#reasons.connections.open > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(20, drainMs)));
    }
    this.#ended.resolve(reason);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#reason() === undefined) return;
    // This process may have been stopped for a while: first hear what has arrived meanwhile.
    setImmediate(() => {
      const reason = this.#reason();
      if (reason !== undefined) this.#ended.resolve(reason);
    });
  }

  #reason(): string | undefined {
    const now = performance.now();
    const { connections } = this.#reasons;
    const heardAt = this.#reasons.clientHeardAt();
    if (heardAt !== undefined) this.lease.heard(heardAt);
    if (this.lease.expired(now)) {
      return `no client for ${this.lease.graceMs / 1_000} s: leaving, so that the controller makes an original pod`;
    }
    const quiet = connections.open === 0 && now - connections.quietSince >= quietMs;
    if (heardAt === undefined && this.#reasons.terminating() && quiet)
      return "the pod is terminating and no client is connected";
    return undefined;
  }
}
