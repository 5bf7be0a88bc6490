/** Connections that may wait for a client at once. */
const maxHeld = 1_024;

/**
 * Connections open at once. Each costs the agent about 5.5 KiB, and its heap of 24 MiB is full at about 6,700 idle
 * ones: refusing one is better than losing all.
 */
const maxOpen = 4_000;

/** Counts the connections of the pod's ports. */
export class Connections {
  open = 0;
  total = 0;
  held = 0;
  refused = 0;
  /** When the last one ended, in ms of `performance.now()`; the start where there was none. */
  quietSince = performance.now();

  /** Whether one more may be accepted; `waits`: it would have to wait for a client. */
  mayOpen(waits: boolean): boolean {
    return this.open < maxOpen && !(waits && this.held >= maxHeld);
  }

  opened(): void {
    this.open += 1;
    this.total += 1;
  }

  closed(): void {
    this.open -= 1;
    if (this.open === 0) this.quietSince = performance.now();
  }
}
