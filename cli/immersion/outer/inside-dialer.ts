import { Socket as UdpSocket } from "node:dgram";
import { Socket, type Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { RelaySocket } from "../../../src/relay-socket.ts";
import { once } from "node:events";
import type { ToInner } from "../messages.ts";

type InnerHandle = Socket | Server | UdpSocket;

const firstRetryMs = 5;
const maxRetryMs = 100;

/** How long and why a connection waits for the local process to listen. */
export interface Hold {
  readonly holdMs: number;
  readonly signal: AbortSignal;
  readonly onHeld: () => void;
}

/** Connects to ports of the local process: the program inside dials and hands the socket out. */
export class InsideDialer {
  readonly #send: (message: ToInner) => void;
  readonly #waiting = new Map<number, (socket: InnerHandle | undefined) => void>();
  #lastId = 0;

  constructor(send: (message: ToInner) => void) {
    this.#send = send;
  }

  /** @returns undefined when nothing listens there before the deadline or the signal. */
  async dial(port: number, { holdMs, signal, onHeld }: Hold): Promise<RelaySocket | undefined> {
    const deadline = performance.now() + holdMs;
    let wait = firstRetryMs;
    for (let attempt = 0; ; attempt++) {
      const socket = await this.#attempt(port);
      if (socket !== undefined) return RelaySocket.adopt(socket);
      if (attempt === 0) onHeld();
      if (signal.aborted || performance.now() + wait > deadline) return undefined;
      await delay(wait, undefined, { signal }).catch(() => undefined);
      wait = Math.min(wait * 2, maxRetryMs);
    }
  }

  /** The answer of the program inside; without a socket it was refused. */
  hear(id: number, socket: InnerHandle | undefined): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (resolve) resolve(socket);
    else if (socket instanceof Socket) socket.destroy();
    else socket?.close();
  }

  /** Nothing answers any more. */
  close(): void {
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }

  /** A UDP socket that is connected to a port of the local process; undefined when the inside is gone. */
  async dialUdp(port: number): Promise<UdpSocket | undefined> {
    const socket = await this.#ask((id) => ({ type: "dial-udp", id }));
    if (!(socket instanceof UdpSocket)) return undefined;
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  }

  async #attempt(port: number): Promise<Socket | undefined> {
    const socket = await this.#ask((id) => ({ type: "dial", id, port }));
    return socket instanceof Socket ? socket : undefined;
  }

  #ask(message: (id: number) => ToInner): Promise<InnerHandle | undefined> {
    const id = (this.#lastId += 1);
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send(message(id));
    });
  }
}
