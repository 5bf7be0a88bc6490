import { relay } from "../../src/relay.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { joinDatagrams } from "../immersion/outer/udp-in.ts";
import type { Progress } from "../progress.ts";
import type { Ground } from "./ground.ts";

/** A word about connections that wait or were refused is worth saying this often at most, for each port. */
const sayEveryMs = 5000;

export interface InboundOptions {
  /** Where the local process lives. */
  readonly ground: Ground;
  /** Pod port → port of the local process. */
  readonly ports: ReadonlyMap<number, number>;
  /** How long a connection waits for the local process to listen, in ms. */
  readonly holdMs: number;
  readonly progress: Progress;
  /** Aborted when the local process has ended for good: nothing is held any more. */
  readonly signal: AbortSignal;
}

/** Leads connections that arrive in the pod to the local process. */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #saidAt = new Map<string, number>();

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Takes a stream that an agent opened for a connection. */
  readonly accept = (stream: MuxStream): void => {
    void this.#join(stream);
  };

  async #join(stream: MuxStream): Promise<void> {
    const { ground, ports, holdMs, signal } = this.#options;
    if (stream.open.kind === "inbound-udp") {
      const socket = await ground.dialUdp?.(stream.open.port);
      if (socket === undefined) stream.reset(resetCode.refused);
      else joinDatagrams(stream, socket);
      return;
    }
    if (stream.open.kind !== "inbound") {
      stream.reset(resetCode.unsupported);
      return;
    }
    // Ports of the laptop itself are reached by nobody who has not been told so.
    const port = ports.get(stream.open.port) ?? (ground.isOwn ? stream.open.port : undefined);
    if (port === undefined) {
      stream.reset(resetCode.refused);
      return;
    }
    const seconds = holdMs / 1000;
    const onHeld = (): void =>
      this.#say(
        "held",
        port,
        `nothing listens on ${ground.place}:${port} yet; connections wait for up to ${seconds} s`,
      );
    const socket = await ground.dial(port, { holdMs, signal, onHeld });
    if (socket === undefined) {
      this.#say(
        "refused",
        port,
        `connections to the workload are refused: nothing listened on ${ground.place}:${port} for ${seconds} s`,
      );
      stream.reset(resetCode.refused);
      return;
    }
    relay(socket, stream);
  }

  #say(event: "held" | "refused", port: number, sentence: string): void {
    const key = `${event} ${port}`;
    const now = performance.now();
    if (now - (this.#saidAt.get(key) ?? -Infinity) < sayEveryMs) return;
    this.#saidAt.set(key, now);
    this.#options.progress.warn(sentence, { kind: event, port });
  }
}
