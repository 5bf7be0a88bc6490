import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { DatagramStream, type Backlog } from "../../../src/datagram-stream.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";
import type { Endpoint } from "../messages.ts";
import type { Destinations } from "./destinations.ts";
import type { Resolver } from "./resolver.ts";

export interface UdpOutOptions {
  readonly destinations: Destinations;
  readonly open: (open: StreamOpen) => MuxStream;
  readonly resolver: Resolver;
}

/** The other side of a flow. */
interface Peer {
  send(datagram: Buffer): void;
  close(): void;
}

const idleMs = 60_000;
const dnsPort = 53;

/** UDP of the local process: each flow goes on from the pod or from the laptop until it has been idle for a minute. */
export class UdpOut {
  readonly #options: UdpOutOptions;
  readonly #peers = new Map<number, Peer>();
  readonly #backlog: Backlog = { max: 4 << 20, used: 0 };

  constructor(options: UdpOutOptions) {
    this.#options = options;
  }

  /** Takes a flow: `socket` is bound to where its datagrams were sent. */
  begin(id: number, socket: UdpSocket, from: Endpoint, to: Endpoint, first: Buffer): void {
    const early: Buffer[] = [];
    let connected = false;
    const idle = setTimeout(() => socket.close(), idleMs).unref();
    const reply = (datagram: Buffer): void => {
      idle.refresh();
      if (connected) socket.send(datagram, () => undefined);
      else early.push(Buffer.from(datagram));
    };
    const peer = this.#dial(to, reply);
    this.#peers.set(id, peer);
    socket.on("message", (datagram, sender) => {
      // Until it is connected the socket hears other flows to the same destination as well.
      if (sender.port !== from.port) return;
      idle.refresh();
      peer.send(datagram);
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(idle);
      this.#peers.delete(id);
      peer.close();
    });
    // From then on the kernel leads this flow, and no other, to the socket.
    socket.connect(from.port, from.host, () => {
      connected = true;
      for (const datagram of early) socket.send(datagram, () => undefined);
    });
    peer.send(first);
  }

  more(id: number, datagram: Buffer): void {
    this.#peers.get(id)?.send(datagram);
  }

  #dial(to: Endpoint, reply: (datagram: Buffer) => void): Peer {
    const { destinations, open, resolver } = this.#options;
    if (to.port === dnsPort) {
      const answer = (query: Buffer): void => void resolver.resolve(query).then((found) => found && reply(found));
      return { send: (query) => answer(Buffer.from(query)), close: () => undefined };
    }
    const route = destinations.route(to.host, to.port);
    if (route.from === "laptop") return dialFromLaptop(route.host, to.port, reply);
    const ears = { onDatagram: reply, onClose: () => undefined };
    try {
      const stream = new DatagramStream(open({ kind: "udp", host: route.host, port: to.port }), ears, this.#backlog);
      return { send: (datagram) => void stream.send(datagram), close: () => stream.end() };
    } catch {
      // No tunnel just now: datagrams are lost, as on a network that is down.
      return { send: () => undefined, close: () => undefined };
    }
  }
}

function dialFromLaptop(host: string, port: number, reply: (datagram: Buffer) => void): Peer {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  socket.on("message", reply);
  // ICMP's "port unreachable" and the like: UDP's own way is silence.
  socket.on("error", () => undefined);
  socket.unref();
  return { send: (datagram) => socket.send(datagram, port, host, () => undefined), close: () => socket.close() };
}
