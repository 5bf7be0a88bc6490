/**
 * The dead-man's switch: the pod is ours only as long as the client of the session gives signs of life. Times are in ms
 * of one monotonic clock, which the caller reads.
 */
export class Lease {
  readonly graceMs: number;
  #heardAt: number;

  constructor(graceMs: number, now: number) {
    this.graceMs = graceMs;
    this.#heardAt = now;
  }

  heard(at: number): void {
    this.#heardAt = Math.max(this.#heardAt, at);
  }

  silentMs(now: number): number {
    return Math.max(0, Math.round(now - this.#heardAt));
  }

  leftMs(now: number): number {
    return Math.max(0, this.graceMs - this.silentMs(now));
  }

  expired(now: number): boolean {
    return this.leftMs(now) === 0;
  }
}
