import { SwapError } from "../../src/error.ts";
import type { AgentMessage, ClientMessage, ListenAddress, ListenProtocol } from "../../src/wire/control-message.ts";

/** A port that the agent opens: TCP on all addresses, unless told. */
export interface PodPort {
  readonly port: number;
  readonly protocol?: ListenProtocol;
  readonly address?: ListenAddress;
}

/** Our number for a UDP port is this much above it, so that TCP and UDP of one number do not meet. */
const udpIds = 65_536;
const listenTimeoutMs = 10_000;

/** The ports that one agent has opened for us, or is asked to: a tunnel that is made again asks for them again. */
export class PodPorts {
  readonly #say: (message: ClientMessage) => void;
  readonly #asked = new Map<number, Extract<ClientMessage, { type: "listen" }>>();
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();

  constructor(say: (message: ClientMessage) => void) {
    this.#say = say;
  }

  /** Opens a port in the pod. @throws SwapError agent with the system's reason. */
  async listen({ port, protocol = "tcp", address = "any" }: PodPort): Promise<void> {
    const id = idOf(port, protocol);
    const answered = Promise.withResolvers<void>();
    this.#waiting.set(id, answered);
    const timer = setTimeout(
      () => answered.reject(new SwapError("agent", `the agent did not answer within ${listenTimeoutMs / 1000} s`)),
      listenTimeoutMs,
    );
    const message = { type: "listen", id, port, protocol, address } as const;
    // Kept before the answer: it is said again when the tunnel breaks meanwhile.
    this.#asked.set(id, message);
    try {
      this.#say(message);
      await answered.promise;
    } catch (error) {
      this.#asked.delete(id);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Closes a port; its open connections go on. */
  unlisten({ port, protocol = "tcp" }: PodPort): void {
    const id = idOf(port, protocol);
    if (this.#asked.delete(id)) this.#say({ type: "unlisten", id });
  }

  /** Asks a new tunnel for everything that the old one had. */
  sayAgain(): void {
    for (const message of this.#asked.values()) this.#say(message);
  }

  hear(message: AgentMessage): void {
    if (message.type === "listening") this.#waiting.get(message.id)?.resolve();
    if (message.type !== "listen-failed") return;
    const sentence = `the agent cannot listen on port ${message.id % udpIds} of the pod: ${message.message}`;
    const hint =
      message.code === "EADDRINUSE"
        ? "another container of the pod has it; leave it to that one"
        : "see `kubectl logs` of the agent pod";
    this.#waiting.get(message.id)?.reject(new SwapError("agent", sentence, { hint }));
  }

  /** There is no agent to answer any more. */
  giveUp(error: SwapError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

function idOf(port: number, protocol: ListenProtocol): number {
  return protocol === "tcp" ? port : port + udpIds;
}
