import { Socket as UdpSocket } from "node:dgram";
import { Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SwapError } from "../../../src/error.ts";
import type { RelaySocket } from "../../../src/relay-socket.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";
import type { FromInner } from "../messages.ts";
import type { InnerPlan } from "../plan.ts";
import type { Destinations } from "./destinations.ts";
import { serveDnsByTcp, serveDnsByUdp } from "./dns-server.ts";
import { InsideDialer, type Hold } from "./inside-dialer.ts";
import { findListening, type Listening } from "./listening.ts";
import { Namespaces, type InnerHandle } from "./namespaces.ts";
import type { Resolver } from "./resolver.ts";
import { serveTcp } from "./tcp-out.ts";
import { UdpOut } from "./udp-out.ts";

/** Where the traffic of the inside goes. */
export interface WaysOut {
  /** Opens a stream to an agent. @throws SwapError when there is no tunnel just now. */
  readonly open: (open: StreamOpen) => MuxStream;
  readonly destinations: Destinations;
  readonly resolver: Resolver;
}

/** The local process inside; `pid` is the program that surrounds it. */
export interface ImmersedProcess {
  readonly pid: number;
  /** Its exit status: its own, or 128 + n when signal n ended it. */
  readonly exited: Promise<number>;
  readonly running: boolean;
  kill(signal: NodeJS.Signals): void;
}

const killed = 137;

/**
 * The local process in namespaces of its own, and everything that leads in and out of them. The program inside makes
 * sockets there and hands them over: a socket belongs to the namespace in which it was made, whoever holds it. So bytes
 * go between the local process and this one without a relay in between.
 */
export class Immersion implements Disposable {
  readonly #namespaces: Namespaces;
  readonly #dialer: InsideDialer;
  readonly #started = Promise.withResolvers<Readonly<Record<string, number>>>();
  readonly #exited = Promise.withResolvers<number>();
  readonly #servers: { close(): void }[] = [];
  #ways: WaysOut | undefined;
  #udp: UdpOut | undefined;
  #running = true;
  #interceptPort = 0;
  #podIPs: readonly string[] = [];

  /** Makes the namespaces; they are empty until `start`. @param inner path of the program for the inside. */
  constructor(inner: string) {
    this.#started.promise.catch(() => undefined);
    this.#namespaces = new Namespaces(inner, "inherit", {
      onMessage: (message, handle) => this.#hear(message, handle),
      onGone: (status, signal) => this.#gone(status, signal),
    });
    this.#dialer = new InsideDialer((message) => this.#namespaces.send(message));
  }

  /** Our end of the socket pair on which the files of the pod are to be served (SFTP). */
  get files(): Duplex {
    return this.#namespaces.files;
  }

  /**
   * Prepares the namespaces and starts the command in them.
   * @returns the process, and how long each step took, in ms.
   * @throws SwapError command-not-runnable, or unsupported when this machine cannot have such namespaces.
   */
  async start(
    plan: InnerPlan,
    ways: WaysOut,
  ): Promise<{ process: ImmersedProcess; milliseconds: Readonly<Record<string, number>> }> {
    this.#ways = ways;
    this.#udp = new UdpOut(ways);
    this.#interceptPort = plan.interceptPort;
    this.#podIPs = plan.dialHosts;
    this.#namespaces.send({ type: "start", plan });
    const milliseconds = await this.#started.promise;
    const running = (): boolean => this.#running;
    return {
      milliseconds,
      process: {
        pid: this.#namespaces.pid,
        exited: this.#exited.promise,
        get running() {
          return running();
        },
        kill: (signal) => this.#namespaces.send({ type: "signal", signal }),
      },
    };
  }

  /** Whether the command has not ended yet. */
  get running(): boolean {
    return this.#running;
  }

  /** Gives the inside another socket on which the files are served from now on. */
  replaceFiles(socket: Socket): void {
    this.#namespaces.send({ type: "files" }, socket);
  }

  /** Connects to a port of the local process. @returns undefined when nothing listens there in time. */
  async dial(port: number, hold: Hold): Promise<RelaySocket | undefined> {
    return await this.#dialer.dial(port, hold);
  }

  /** A UDP socket that is connected to a port of the local process. */
  async dialUdp(port: number): Promise<UdpSocket | undefined> {
    return await this.#dialer.dialUdp(port);
  }

  /** What the local process listens on now. */
  async listening(): Promise<Listening[]> {
    return await findListening(this.#namespaces.pid, this.#interceptPort, this.#podIPs);
  }

  [Symbol.dispose](): void {
    this.#namespaces[Symbol.dispose]();
  }

  #hear(message: FromInner, handle: InnerHandle | undefined): void {
    switch (message.type) {
      case "tcp":
      case "dns":
      case "udp":
        return this.#take(message, handle);
      case "udp-more":
        return this.#udp?.more(message.id, Buffer.from(message.data, "base64"));
      case "dialed":
        return this.#dialer.hear(message.id, handle);
      case "started":
        return this.#started.resolve(message.milliseconds);
      case "failed":
        return this.#started.reject(startFailed(message));
      case "exited":
        this.#running = false;
        return this.#exited.resolve(message.status);
    }
  }

  #take(message: Extract<FromInner, { type: "tcp" | "dns" | "udp" }>, handle: InnerHandle | undefined): void {
    const ways = this.#ways;
    if (handle === undefined || ways === undefined) return;
    if (message.type === "tcp" && handle instanceof Server) {
      this.#servers.push(handle);
      serveTcp(handle, { ...ways, onDns: (socket) => serveDnsByTcp(socket, ways.resolver) });
    } else if (message.type === "dns" && handle instanceof UdpSocket) {
      this.#servers.push(handle);
      serveDnsByUdp(handle, ways.resolver);
    } else if (message.type === "udp" && handle instanceof UdpSocket) {
      this.#udp?.begin(message.id, handle, message.from, message.to, Buffer.from(message.data, "base64"));
    }
  }

  #gone(status: number | null, signal: NodeJS.Signals | null): void {
    this.#running = false;
    for (const server of this.#servers) server.close();
    this.#dialer.close();
    // It did not live to tell how the command ended.
    this.#exited.resolve(killed);
    this.#started.reject(
      new SwapError(
        "unsupported",
        `the namespaces for the local process ended at once (${signal ?? `status ${status}`})`,
        {
          hint: "`swap doctor` says what this machine lacks; --network=none does without",
        },
      ),
    );
  }
}

function startFailed({ step, message, code }: Extract<FromInner, { type: "failed" }>): SwapError {
  if (step === "command") {
    return new SwapError("command-not-runnable", `the command cannot be run: ${message}`, {
      hint: code === "ENOENT" ? "check the path and the script's first line" : "run it by hand to see why",
    });
  }
  return new SwapError("unsupported", `the local process cannot live in the pod's world here (${step}): ${message}`, {
    hint: "`swap doctor` says what this machine lacks; --network=none does without",
  });
}
