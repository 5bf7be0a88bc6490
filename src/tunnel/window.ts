import { baseWindow } from "../wire/frame.ts";

/** Limits of what a side may have to hold for its streams' readers, in bytes. */
export interface WindowLimits {
  /** Credit of a stream from its start, told to the other side once. */
  initial: number;
  /** What one stream's window may grow to. */
  max: number;
  /** All windows together; beyond it windows do not grow (their initial credit is always given). */
  total: number;
}

/** In the pod, where memory is the container's: 1,000 stalled streams hold at most 16 MiB. */
export const agentWindows: WindowLimits = { initial: baseWindow, max: 4 << 20, total: 20 << 20 };

export const clientWindows: WindowLimits = { initial: 65_536, max: 8 << 20, total: 96 << 20 };

/** Credit of a stream that its receiver opens is raised to this at once, while windows are plenty. */
const openingWindow = 65_536;

/**
 * How much all windows of a mux may grow. Each window starts small, and doubles when its writer had to stop although
 * its reader keeps up, which is when it is smaller than what the path holds.
 */
export class WindowBudget {
  readonly limits: WindowLimits;
  /** Sum of all windows. */
  promised = 0;

  constructor(limits: WindowLimits) {
    this.limits = limits;
  }

  /** Window of a new stream: never less than `limits.initial`. Where the peer opened it, no more either. */
  start(openedHere: boolean): number {
    const window = openedHere ? Math.max(this.limits.initial, this.#openingWindow()) : this.limits.initial;
    this.promised += window;
    return window;
  }

  /** The window after a stop, larger or the same. */
  grown(window: number): number {
    const free = this.limits.total - this.promised;
    const next = Math.min(window * 2, this.limits.max, window + Math.max(0, free));
    this.promised += Math.max(0, next - window);
    return Math.max(next, window);
  }

  release(window: number): void {
    this.promised -= window;
  }

  #openingWindow(): number {
    const used = this.promised / this.limits.total;
    if (used < 0.5) return openingWindow;
    return used < 0.75 ? openingWindow / 4 : 0;
  }
}
