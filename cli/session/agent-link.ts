import type { KeyObject } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";
import { shakeHandsAsClient } from "../../src/tunnel/client-handshake.ts";
import { ControlChannel } from "../../src/tunnel/control-channel.ts";
import { ConnectionEnded } from "../../src/tunnel/read-line.ts";
import { Mux } from "../../src/tunnel/mux.ts";
import type { MuxEnd } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { parseAgentMessage, type AgentMessage, type ClientMessage } from "../../src/wire/control-message.ts";
import type { StreamOpen } from "../../src/wire/stream-open.ts";
import { apiStatus } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import { portForward } from "../kube/port-forward.ts";
import { PodPorts, type PodPort } from "./pod-ports.ts";
import { readAll } from "./read-all.ts";

export interface LinkOptions {
  readonly client: KubeClient;
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly tunnelPort: number;
  readonly session: { readonly id: string; readonly privateKey: KeyObject };
  /** A connection arrived at a port of the pod. */
  readonly onInbound: (stream: MuxStream) => void;
  readonly onMessage: (message: AgentMessage) => void;
  /** Told in a sentence when the tunnel breaks, and when it is back. */
  readonly onNote: (sentence: string) => void;
}

const firstBackoffMs = 50;
const maxBackoffMs = 2000;
/** Reconnecting goes on for as long as the pod exists; one attempt takes this long at most. */
const attemptTimeoutMs = 10_000;
/** From the start of the agent's container until it listens; 0.1 s is usual, a cold node's disk takes seconds. */
const listenWithinMs = 30_000;

/**
 * The tunnel to one agent pod, made again when it breaks: connections inside are reset then, ports and readiness are
 * told to the agent anew. It ends in these ways: disposed by us, or the agent or its pod is gone (`ended`).
 */
export class AgentLink implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<string>();
  readonly #ports = new PodPorts((message) => this.#say(message));
  #mux: Mux | undefined;
  #control: ControlChannel<ClientMessage, AgentMessage> | undefined;
  #ready = false;
  #quitting = false;

  private constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * Connects to an agent whose container has just been started: nothing tells when its program listens, so a refused
   * connection is tried again for a while.
   * @throws SwapError agent when the agent refuses us, or the API server's refusal of the port-forward.
   */
  static async open(options: LinkOptions, signal: AbortSignal): Promise<AgentLink> {
    const link = new AgentLink(options);
    const deadline = performance.now() + listenWithinMs;
    for (;;) {
      try {
        await link.#connect(signal);
        return link;
      } catch (error) {
        signal.throwIfAborted();
        const notYet =
          error instanceof SwapError && (error.code === "unreachable" || error.cause instanceof ConnectionEnded);
        if (!notYet || performance.now() > deadline) throw error;
        await delay(firstBackoffMs, undefined, { signal });
      }
    }
  }

  /** Resolves with the reason when there is no agent to come back to. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  /** The container's environment as NAME=VALUE, each ended by NUL. */
  async environment(signal: AbortSignal): Promise<Buffer> {
    if (!this.#mux) throw this.#lost();
    return await readAll(this.#mux.open({ kind: "environment" }), signal);
  }

  /** A new stream to the agent. @throws SwapError unreachable while the tunnel is being made again. */
  open(open: StreamOpen): MuxStream {
    if (!this.#mux || this.#mux.ended) throw this.#lost();
    return this.#mux.open(open);
  }

  /** Whether streams can be opened now. */
  get connected(): boolean {
    return this.#mux !== undefined && this.#mux.ended === undefined;
  }

  /** Opens a port in the pod. @throws SwapError agent with the system's reason. */
  async listen(port: PodPort): Promise<void> {
    await this.#ports.listen(port);
  }

  /** Closes a port; its open connections go on. */
  unlisten(port: PodPort): void {
    this.#ports.unlisten(port);
  }

  setReady(ready: boolean): void {
    this.#ready = ready;
    this.#say({ type: "ready", ready });
  }

  /**
   * Tells the agent to stop listening, let open connections end within `drainMs`, and exit.
   * @returns when the agent is gone or has had its time.
   */
  async quit(reason: string, drainMs: number): Promise<void> {
    if (this.#mux?.ended !== undefined || this.#stop.signal.aborted) return;
    this.#quitting = true;
    this.#say({ type: "quit", reason, drainMs });
    const timeout = new AbortController();
    await Promise.race([
      this.ended,
      delay(drainMs + 1000, undefined, { signal: timeout.signal }).catch(() => undefined),
    ]);
    timeout.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#mux?.close("the session is over");
    return Promise.resolve();
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const { client, pod, tunnelPort, session } = this.#options;
    const transport = await portForward(client, pod, tunnelPort, signal);
    const proven = await shakeHandsAsClient(transport, { session: session.id, privateKey: session.privateKey, signal });
    const mux = new Mux(proven, {
      role: "client",
      onStream: (stream) => this.#options.onInbound(stream),
      onClose: (end) => this.#closed(mux, end),
      onNote: (note) => this.#options.onNote(note),
    });
    this.#mux = mux;
    this.#control = new ControlChannel(mux.open({ kind: "control" }), {
      parse: parseAgentMessage,
      onMessage: (message) => this.#hear(message),
      onClose: () => undefined,
      onNote: (note) => this.#options.onNote(note),
    });
    this.#ports.sayAgain();
    if (this.#ready) this.#say({ type: "ready", ready: true });
  }

  #say(message: ClientMessage): void {
    this.#control?.send(message);
  }

  #hear(message: AgentMessage): void {
    this.#ports.hear(message);
    this.#options.onMessage(message);
  }

  #closed(mux: Mux, end: MuxEnd): void {
    if (this.#mux !== mux || this.#stop.signal.aborted) return;
    if (this.#quitting || (end.how === "closed" && end.by === "peer")) {
      this.#ports.giveUp(this.#lost());
      this.#ended.resolve(end.how === "closed" ? end.reason : "the agent has ended");
      return;
    }
    const why = end.how === "gone" ? end.error.message : end.reason;
    this.#options.onNote(`tunnel to pod ${this.#options.pod.name} broke (${why}); reconnecting`);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const { signal } = this.#stop;
    let backoff = firstBackoffMs;
    for (;;) {
      await delay(backoff * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#connect(AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]));
        this.#options.onNote(`tunnel to pod ${this.#options.pod.name} is back`);
        return;
      } catch (error) {
        const status = apiStatus(error);
        if (status === 404 || status === 403 || (error instanceof SwapError && error.code === "agent")) {
          this.#ended.resolve(error instanceof Error ? error.message : String(error));
          return;
        }
        backoff = Math.min(backoff * 2, maxBackoffMs);
      }
    }
  }

  #lost(): SwapError {
    return new SwapError("unreachable", `the tunnel to pod ${this.#options.pod.name} broke`, {
      hint: "the API server, the kubelet or the network between went away; try again",
    });
  }
}
