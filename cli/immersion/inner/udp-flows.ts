import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Ipc } from "./ipc.ts";
import { bind } from "./network.ts";
import { descriptorOf, stopReading } from "./node-internals.ts";
import { readDatagrams, type Datagram } from "./datagrams.ts";

/** By then the flow's own socket gets its datagrams from the kernel, and an entry here has no more use. */
const forgetMs = 2_000;
const maxFlows = 4_096;
/** Datagrams of one flow that wait for its socket. */
const maxEarly = 64;

interface Flow {
  early: Buffer[];
  id: number | undefined;
}

/**
 * UDP out: the first datagram of a flow is read here, with its original destination; then a socket that *is* that
 * destination goes to the command, and the kernel delivers the rest of the flow straight to it.
 */
export class UdpFlows {
  readonly #ipc: Ipc;
  readonly #flows = new Map<string, Flow>();
  #lastId = 0;

  constructor(ipc: Ipc) {
    this.#ipc = ipc;
  }

  /** Reads from these sockets for ever. */
  serve(sockets: readonly UdpSocket[]): void {
    readDatagrams(sockets.map(descriptorOf), (datagram) => this.#take(datagram));
  }

  #take({ from, to, data }: Datagram): void {
    const key = `${from.host} ${from.port} ${to.host} ${to.port}`;
    const known = this.#flows.get(key);
    if (known === undefined) {
      if (this.#flows.size < maxFlows) void this.#begin(key, { from, to, data: Buffer.from(data) });
    } else if (known.id === undefined) {
      if (known.early.length < maxEarly) known.early.push(Buffer.from(data));
    } else void this.#more(known.id, data);
  }

  async #begin(key: string, { from, to, data }: Datagram): Promise<void> {
    const flow: Flow = { early: [], id: undefined };
    this.#flows.set(key, flow);
    setTimeout(() => this.#flows.delete(key), forgetMs);
    const id = (this.#lastId += 1);
    const socket = createSocket({ type: isIPv6(to.host) ? "udp6" : "udp4", reuseAddr: true });
    try {
      await bind(socket, to.port, to.host);
    } catch {
      // Such as a destination port 0: the datagram is lost, as on any network; the next one tries anew.
      socket.close();
      this.#flows.delete(key);
      return;
    }
    stopReading(socket);
    await this.#ipc.send({ type: "udp", id, from, to, data: data.toString("base64") }, socket);
    socket.close();
    flow.id = id;
    for (const early of flow.early) await this.#more(id, early);
  }

  async #more(id: number, data: Buffer): Promise<void> {
    await this.#ipc.send({ type: "udp-more", id, data: data.toString("base64") });
  }
}
