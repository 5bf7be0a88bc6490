import type { RelaySocket } from "../src/relay-socket.ts";
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

/** The same for a relay socket, which reads without events. */
export function joinRelaySocket(one: RelaySocket, other: Socket): void {
  const inside = one.socket;
  one.read((bytes) => other.write(Buffer.from(bytes)));
  other.on("drain", () => one.resume());
  inside.on("end", () => other.end());
  inside.on("error", () => other.resetAndDestroy());
  inside.on("close", () => other.destroySoon());
  other.on("error", () => inside.resetAndDestroy());
  other.on("close", () => inside.destroySoon());
  other.pipe(inside);
}
