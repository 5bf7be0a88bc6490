import { createSocket } from "node:dgram";
import { Socket } from "node:net";
import type { Ipc } from "./ipc.ts";
import { bind } from "./network.ts";
import { stopReading } from "./node-internals.ts";

/** Connects to a port of the local process and hands the connected socket out, or the last refusal. */
export async function dial(id: number, port: number, hosts: readonly string[], ipc: Ipc): Promise<void> {
  let error = "ECONNREFUSED";
  for (const host of hosts) {
    const socket = new Socket({ allowHalfOpen: true });
    // What the server says first belongs to the one who gets the socket.
    socket.pause();
    const failed = await new Promise<string | undefined>((settle) => {
      socket.once("error", (cause: NodeJS.ErrnoException) => settle(cause.code ?? cause.message));
      socket.connect({ port, host }, () => settle(undefined));
    });
    if (failed === undefined) return await ipc.send({ type: "dialed", id }, socket);
    error = failed;
  }
  await ipc.send({ type: "dialed", id, error });
}

/** Hands out a UDP socket of the loopback; whoever gets it connects it. */
export async function dialUdp(id: number, ipc: Ipc): Promise<void> {
  const socket = createSocket("udp4");
  await bind(socket, 0, "127.0.0.1");
  stopReading(socket);
  await ipc.send({ type: "dialed", id }, socket);
  socket.close();
}
