/** Connections that may wait for a client at once. */
const maxHeld = 1_024;

/** Counts the connections of the pod's ports. */
export class Connections {
  open = 0;
  total = 0;
  held = 0;
  /** When the last one ended, in ms of `performance.now()`; the start where there was none. */
  quietSince = performance.now();

  get mayHold(): boolean {
    return this.held < maxHeld;
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
