import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { joinRelaySocket } from "../join-sockets.ts";
import type { RelaySocket } from "../../src/relay-socket.ts";

/** Connects to a port of the local process; undefined when nothing listens. */
type Dial = (port: number) => Promise<RelaySocket | undefined>;

/**
 * Opens a port of the local process on the laptop's own loopback, for a debugger or a browser: under the same number, or
 * another where that is taken.
 * @returns the laptop's port, and what closes it.
 */
export async function exposePort(port: number, dial: Dial): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    void dial(port).then((inside) => {
      if (inside === undefined) socket.resetAndDestroy();
      else joinRelaySocket(inside, socket);
    });
  });
  const opened = (await listen(server, port)) ?? (await listen(server, 0)) ?? 0;
  return {
    port: opened,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<number | undefined> {
  if (port > 0 && (await isTaken(port))) return undefined;
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if (port > 0) return undefined;
    throw error;
  }
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

/** Also by a program that listens on every address, beside which the loopback alone could still be opened. */
async function isTaken(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  const taken = await new Promise<boolean>((settle) => {
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
  socket.destroy();
  return taken;
}
