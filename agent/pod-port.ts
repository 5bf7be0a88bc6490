import { createServer, type Server, type Socket } from "node:net";
import type { Backlog } from "../src/datagram-stream.ts";
import { relay } from "../src/relay.ts";
import { RelaySocket } from "../src/relay-socket.ts";
import type { Mux } from "../src/tunnel/mux.ts";
import type { ListenAddress } from "../src/wire/control-message.ts";
import type { Connections } from "./connections.ts";
import { log } from "./last-words.ts";
import { listenTcp } from "./listen.ts";
import { plainAddress } from "./plain-address.ts";

/** What the port's connections share with those of the other ports. */
export interface PortHost {
  readonly connections: Connections;
  /** How long a connection is held for a client, in ms. */
  readonly holdMs: number;
  /** Who sends datagrams. */
  readonly peers: { open: number };
  readonly backlog: Backlog;
}

/** A port of the pod, of either protocol. It outlives the client that it leads to. */
export interface OpenPort {
  readonly port: number;
  serve(client: Mux): void;
  /** This client is gone; a later one may serve already. */
  leave(client: Mux): void;
  close(): void;
}

interface HeldConnection {
  socket: RelaySocket;
  remoteAddress: string;
  remotePort: number;
  timer: NodeJS.Timeout;
}

/**
 * One open TCP port of the pod. While no client serves it, its connections are held unread, then reset. It outlives the
 * client: who connects while the tunnel is being made again only waits.
 */
export class PodPort implements OpenPort {
  readonly port: number;
  readonly #servers: readonly Server[];
  readonly #host: PortHost;
  readonly #held = new Set<HeldConnection>();
  #client: Mux | undefined;

  private constructor(servers: readonly Server[], port: number, host: PortHost) {
    this.#servers = servers;
    this.port = port;
    this.#host = host;
    for (const server of servers) {
      server.on("connection", (socket: Socket) => this.#accept(socket));
      // Such as EMFILE: the port stays open.
      server.on("error", (error) => log(`port ${port}: ${error.message}`));
    }
  }

  /** Rejects with the system's error (EADDRINUSE, EACCES …). */
  static async open(port: number, address: ListenAddress, host: PortHost): Promise<PodPort> {
    const make = (): Server => createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    return new PodPort(await listenTcp(make, port, address), port, host);
  }

  /** Who serves now: a tunnel that has just broken may not have been taken away yet. */
  get client(): Mux | undefined {
    return this.#client?.ended === undefined ? this.#client : undefined;
  }

  /** Leads connections to this client, the held ones first. */
  serve(client: Mux): void {
    this.#client = client;
    for (const held of this.#held) {
      this.#unhold(held);
      this.#join(held, client);
    }
  }

  leave(client: Mux): void {
    if (this.#client === client) this.#client = undefined;
  }

  /** No more connections; those that a client serves go on. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const held of this.#held) {
      this.#unhold(held);
      held.socket.socket.resetAndDestroy();
    }
  }

  #accept(accepted: Socket): void {
    const { remoteAddress, remotePort } = accepted;
    const { connections } = this.#host;
    const { client } = this;
    if (remoteAddress === undefined || remotePort === undefined) accepted.destroy();
    else if (!connections.mayOpen(client === undefined)) this.#refuse(accepted);
    else {
      const socket = RelaySocket.adopt(accepted);
      connections.opened();
      socket.socket.once("close", () => connections.closed());
      const plain = { socket, remoteAddress: plainAddress(remoteAddress), remotePort };
      if (client === undefined) this.#hold(plain);
      else this.#join(plain, client);
    }
  }

  #refuse(accepted: Socket): void {
    const { connections } = this.#host;
    if (connections.refused % 1_000 === 0) log(`port ${this.port}: too many connections; some are reset`);
    connections.refused += 1;
    accepted.resetAndDestroy();
  }

  #hold(connection: Omit<HeldConnection, "timer">): void {
    const { socket } = connection.socket;
    const held = { ...connection, timer: setTimeout(() => socket.resetAndDestroy(), this.#host.holdMs) };
    this.#held.add(held);
    this.#host.connections.held += 1;
    socket.once("error", (error) => log(`port ${this.port}: a waiting connection failed: ${error.message}`));
    socket.once("close", () => this.#unhold(held));
  }

  #unhold(held: HeldConnection): void {
    clearTimeout(held.timer);
    if (this.#held.delete(held)) this.#host.connections.held -= 1;
  }

  #join({ socket, remoteAddress, remotePort }: Omit<HeldConnection, "timer">, client: Mux): void {
    relay(socket, client.open({ kind: "inbound", port: this.port, remoteAddress, remotePort }));
  }
}
