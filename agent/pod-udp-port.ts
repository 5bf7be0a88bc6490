import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { DatagramStream } from "../src/datagram-stream.ts";
import { resetCode } from "../src/tunnel/stream-end.ts";
import type { Mux } from "../src/tunnel/mux.ts";
import type { ListenAddress } from "../src/wire/control-message.ts";
import { udpIdleMs } from "../src/wire/stream-open.ts";
import { log } from "./last-words.ts";
import { bindUdp } from "./listen.ts";
import { plainAddress } from "./plain-address.ts";
import type { OpenPort, PortHost } from "./pod-port.ts";

/** Peers of all UDP ports at once; the datagrams of one more are dropped until another has been idle. */
const maxPeers = 1_024;
/** Answers that may wait for the system at once; more are dropped. */
const maxSends = 256;

interface Peer {
  datagrams: DatagramStream;
  idle: NodeJS.Timeout;
}

/** One open UDP port of the pod: a stream for each peer that sends to it. Without a client datagrams are dropped. */
export class PodUdpPort implements OpenPort {
  readonly port: number;
  readonly #host: PortHost;
  readonly #sockets: readonly Socket[];
  readonly #peers = new Map<string, Peer>();
  readonly #idleMs: number;
  #client: Mux | undefined;
  #sends = 0;

  private constructor(sockets: readonly Socket[], port: number, host: PortHost, idleMs: number) {
    this.#sockets = sockets;
    this.port = port;
    this.#host = host;
    this.#idleMs = idleMs;
    sockets.forEach((socket, index) => {
      socket.on("message", (datagram, from) =>
        this.#hear(datagram, from, socket, `${index} ${from.address} ${from.port}`),
      );
      socket.on("error", (error) => log(`UDP port ${port}: ${error.message}`));
    });
  }

  /** Rejects with the system's error. A peer is forgotten after `idleMs` of silence. */
  static async open(
    port: number,
    address: ListenAddress,
    host: PortHost,
    idleMs: number = udpIdleMs.default,
  ): Promise<PodUdpPort> {
    const sockets = await bindUdp((at) => createSocket(at.includes(":") ? "udp6" : "udp4"), port, address);
    return new PodUdpPort(sockets, port, host, idleMs);
  }

  serve(client: Mux): void {
    this.#client = client;
  }

  leave(client: Mux): void {
    if (this.#client === client) this.#client = undefined;
  }

  close(): void {
    for (const { datagrams } of this.#peers.values()) datagrams.reset(resetCode.cancelled);
    for (const socket of this.#sockets) socket.close();
  }

  #hear(datagram: Buffer, from: RemoteInfo, socket: Socket, key: string): void {
    const peer = this.#peers.get(key) ?? this.#meet(from, socket, key);
    peer?.idle.refresh();
    peer?.datagrams.send(datagram);
  }

  #meet({ address, port: remotePort }: RemoteInfo, socket: Socket, key: string): Peer | undefined {
    const client = this.#client;
    // The kernel gives port 0 to nobody; who writes it cannot be answered.
    if (client === undefined || client.ended !== undefined || remotePort === 0) return undefined;
    if (this.#host.peers.open >= maxPeers) return undefined;
    const remoteAddress = plainAddress(address);
    const stream = client.open({ kind: "inbound-udp", port: this.port, remoteAddress, remotePort });
    const idle = setTimeout(() => datagrams.end(), this.#idleMs);
    this.#host.peers.open += 1;
    const datagrams: DatagramStream = new DatagramStream(
      stream,
      {
        onDatagram: (answer) => {
          idle.refresh();
          this.#send(answer, socket, remotePort, address);
        },
        onClose: () => {
          clearTimeout(idle);
          this.#host.peers.open -= 1;
          this.#peers.delete(key);
        },
      },
      this.#host.backlog,
    );
    const peer = { datagrams, idle };
    if (stream.closed !== undefined) return undefined;
    this.#peers.set(key, peer);
    return peer;
  }

  #send(answer: Buffer, socket: Socket, port: number, address: string): void {
    if (this.#sends >= maxSends) return;
    this.#sends += 1;
    // An answer that cannot be sent is lost as any datagram may be.
    socket.send(Buffer.from(answer), port, address, () => (this.#sends -= 1));
  }
}
