import { createSocket, type Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";

/**
 * The two things that Node has no documented way for: the descriptor of a socket, and to stop reading from a UDP
 * socket. Known of Node 18 to 24; a Node that is built otherwise fails here, by name, before anything is intercepted.
 */
interface Handle {
  readonly fd: number;
  recvStop?(): number;
}

const probe = createSocket("udp4").unref();
const stateSymbol = Object.getOwnPropertySymbols(probe).find(({ description }) => description === "state symbol");
probe.close();

function handleOf(socket: Server | Socket | UdpSocket): Handle {
  const holder = socket as unknown as { _handle?: Handle } & Record<symbol, { handle?: Handle } | undefined>;
  // Asking a UDP socket for `_handle` prints a warning.
  const state = stateSymbol === undefined ? undefined : holder[stateSymbol];
  const handle = state === undefined ? holder._handle : state.handle;
  if (typeof handle?.fd !== "number")
    throw new Error(`Node ${process.version} does not show the descriptor of a socket`);
  return handle;
}

export function descriptorOf(socket: Server | Socket | UdpSocket): number {
  return handleOf(socket).fd;
}

/** Leaves the datagrams in the kernel's queue. */
export function stopReading(socket: UdpSocket): void {
  handleOf(socket).recvStop?.();
}
