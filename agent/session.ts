import type { Socket } from "node:net";
import type { Backlog } from "../src/datagram-stream.ts";
import { RelaySocket } from "../src/relay-socket.ts";
import { ControlChannel } from "../src/tunnel/control-channel.ts";
import { defaultHeartbeat, type HeartbeatOptions } from "../src/tunnel/heartbeat.ts";
import { Mux } from "../src/tunnel/mux.ts";
import { resetCode, type StreamEnd } from "../src/tunnel/stream-end.ts";
import type { MuxStream } from "../src/tunnel/stream.ts";
import { version } from "../src/version.ts";
import type { AgentStatus } from "../src/wire/agent-status.ts";
import { type AgentMessage, type ClientMessage, parseClientMessage } from "../src/wire/control-message.ts";
import { encodePodWorld } from "../src/wire/pod-world.ts";
import { answerStream } from "./answer-stream.ts";
import { Connections } from "./connections.ts";
import { readEnvironment } from "./environment.ts";
import { log } from "./last-words.ts";
import { Leave } from "./leave.ts";
import { Lease } from "./lease.ts";
import { Outbound } from "./outbound/outbound.ts";
import { PodPorts } from "./pod-ports.ts";
import type { Readiness } from "./readiness.ts";
import { SftpStreams } from "./sftp/sftp-streams.ts";
import { readWorld } from "./world/read-world.ts";

/** What all datagrams to the client may hold of the pod's memory, in bytes. */
const datagramBacklog = 4 << 20;

/** What the session needs to know of its pod. */
export interface SessionOptions {
  session: string;
  graceMs: number;
  readiness: Readiness;
}

/**
 * The agent's life with its client: at most one is connected, a newer one takes the place of an older. It ends
 * (`ended`, with the reason) when the client says quit, is silent for the grace period, or is gone while the pod
 * terminates.
 */
export class Session implements AsyncDisposable {
  readonly connections = new Connections();
  readonly #options: SessionOptions;
  readonly #startedAt = performance.now();
  readonly #ports: PodPorts;
  readonly #backlog: Backlog = { max: datagramBacklog, used: 0 };
  readonly #outbound = new Outbound(this.#backlog);
  readonly #sftp = new SftpStreams();
  readonly #leave: Leave;
  /** Payload of the clients before this one. */
  readonly #bytes = { in: 0, out: 0 };
  #mux: Mux | undefined;
  #control: ControlChannel<AgentMessage, ClientMessage> | undefined;
  #terminating: string | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ports = new PodPorts({
      connections: this.connections,
      holdMs: options.graceMs,
      peers: { open: 0 },
      backlog: this.#backlog,
    });
    this.#leave = new Leave(new Lease(options.graceMs, this.#startedAt), {
      connections: this.connections,
      clientHeardAt: () => this.#mux?.heardAt,
      terminating: () => this.#terminating !== undefined,
    });
  }

  /** Resolves with the reason why the agent leaves. */
  get ended(): Promise<string> {
    return this.#leave.ended;
  }

  /** A client has proven the session on this connection. */
  welcome(connection: Socket): void {
    this.#mux?.close("another client of this session has taken over");
    const socket = RelaySocket.adopt(connection);
    const mux: Mux = new Mux(socket.socket, {
      role: "agent",
      input: (take) =>
        socket.read((bytes) => {
          take(bytes);
          return true;
        }),
      onStream: (stream) => this.#onStream(stream, mux),
      onClose: (end) => this.#onClientGone(mux, end),
      onNote: log,
      heartbeat: heartbeatFor(this.#options.graceMs),
    });
    this.#mux = mux;
    log("client connected");
  }

  /** The pod is being deleted. Traffic still comes for a moment, so everything goes on; the client is told. */
  terminate(signal: string): void {
    log(`${signal}: the pod is terminating`);
    this.#terminating ??= signal;
    this.#control?.send({ type: "terminating", signal });
  }

  status(): AgentStatus {
    const now = performance.now();
    const mux = this.#mux;
    const { lease } = this.#leave;
    if (mux !== undefined) lease.heard(mux.heardAt);
    return {
      session: this.#options.session,
      agentVersion: version,
      uptimeMs: Math.round(now - this.#startedAt),
      ready: this.#options.readiness.ready,
      client: { connected: mux !== undefined, silentMs: lease.silentMs(now) },
      graceMs: lease.graceMs,
      graceLeftMs: lease.leftMs(now),
      connections: { open: this.connections.open, total: this.connections.total },
      bytes: { in: this.#bytes.in + (mux?.sent ?? 0), out: this.#bytes.out + (mux?.received ?? 0) },
      ports: this.#ports.numbers,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave[Symbol.dispose]();
    this.#outbound[Symbol.dispose]();
    this.#mux?.close("the agent is leaving");
    await this.#ports.close();
  }

  #onStream(stream: MuxStream, mux: Mux): void {
    const { open } = stream;
    switch (open.kind) {
      case "control":
        return this.#onControl(stream, mux);
      case "environment":
        return void answerStream(stream, readEnvironment);
      case "world":
        return void answerStream(stream, async () => encodePodWorld(await readWorld()));
      case "dial":
      case "dns":
      case "udp":
        return this.#outbound.serve(open, stream);
      case "sftp":
        return this.#sftp.serve(stream);
      case "inbound":
      case "inbound-udp":
        return stream.reset(resetCode.unsupported);
    }
  }

  #onControl(stream: MuxStream, mux: Mux): void {
    const control: ControlChannel<AgentMessage, ClientMessage> = new ControlChannel(stream, {
      parse: parseClientMessage,
      onMessage: (message) => void this.#onMessage(message, mux, control),
      onClose: () => {
        if (this.#control === control) this.#control = undefined;
      },
      onNote: log,
    });
    this.#control = control;
    if (this.#terminating !== undefined) control.send({ type: "terminating", signal: this.#terminating });
  }

  async #onMessage(
    message: ClientMessage,
    mux: Mux,
    control: ControlChannel<AgentMessage, ClientMessage>,
  ): Promise<void> {
    switch (message.type) {
      case "listen":
        return control.send(await this.#ports.listen(message, mux));
      case "unlisten":
        return await this.#ports.unlisten(message.id);
      case "ready":
        this.#options.readiness.ready = message.ready;
        return;
      case "quit":
        control.send({ type: "quitting", reason: message.reason });
        await this.#ports.close();
        await this.#leave.afterDrain(`the client said: ${message.reason}`, message.drainMs ?? 0);
        return this.#mux?.close(message.reason);
    }
  }

  #onClientGone(mux: Mux, end: StreamEnd & ({ how: "gone" } | { how: "closed" })): void {
    this.#bytes.in += mux.sent;
    this.#bytes.out += mux.received;
    this.#leave.lease.heard(mux.heardAt);
    if (this.#mux === mux) this.#mux = undefined;
    void this.#ports.leave(mux);
    log(`client gone: ${end.how === "gone" ? end.error.message : end.reason}`);
  }
}

/** A connected client gives a sign of life several times within the grace, however short that is. */
function heartbeatFor(graceMs: number): HeartbeatOptions {
  return { ...defaultHeartbeat, intervalMs: Math.min(defaultHeartbeat.intervalMs, Math.max(20, graceMs / 8)) };
}
