import type { Socket } from "node:net";

/** Joins two TCP connections: bytes under backpressure, half-close, and a failure of one as a reset of the other. */
export function joinSockets(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => to.destroySoon());
    from.pipe(to);
  }
}
