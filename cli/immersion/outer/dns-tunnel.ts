import { DatagramStream, type Backlog } from "../../../src/datagram-stream.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";

/** Asks one resolver. Rejects when there is no answer in time. */
export type AskDns = (query: Buffer) => Promise<Buffer>;

/** The agent tries one nameserver of the pod after the other in this time. */
const timeoutMs = 8_000;
const maxInFlight = 4_096;

interface Pending {
  readonly id: Buffer;
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Asks the pod's resolver, over one stream to an agent that is opened anew when it has ended. */
export class DnsTunnel {
  readonly #open: (open: StreamOpen) => MuxStream;
  readonly #backlog: Backlog = { max: 1 << 20, used: 0 };
  readonly #pending = new Map<number, Pending>();
  #stream: DatagramStream | undefined;
  #nextId = 0;

  constructor(open: (open: StreamOpen) => MuxStream) {
    this.#open = open;
  }

  /** Queries of different programs may have the same id: each gets one of ours on its way. */
  readonly ask: AskDns = async (query) => {
    if (this.#pending.size >= maxInFlight) throw new Error("too many questions are waiting for an answer");
    while (this.#pending.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0xffff;
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) & 0xffff;
    const renamed = Buffer.from(query);
    renamed.writeUInt16BE(id, 0);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const timer = setTimeout(() => reject(new Error("the pod's resolver did not answer")), timeoutMs);
    this.#pending.set(id, { id: query.subarray(0, 2), resolve, reject, timer });
    try {
      if (!this.#connected().send(renamed)) throw new Error("the tunnel is busy");
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  };

  #connected(): DatagramStream {
    this.#stream ??= new DatagramStream(
      this.#open({ kind: "dns" }),
      {
        onDatagram: (answer) => this.#hear(answer),
        onClose: () => this.#closed(),
      },
      this.#backlog,
    );
    return this.#stream;
  }

  #hear(bytes: Buffer): void {
    if (bytes.length < 12) return;
    const pending = this.#pending.get(bytes.readUInt16BE(0));
    if (pending === undefined) return;
    const answer = Buffer.from(bytes);
    pending.id.copy(answer, 0);
    pending.resolve(answer);
  }

  #closed(): void {
    this.#stream = undefined;
    for (const { reject } of this.#pending.values()) reject(new Error("the tunnel broke"));
  }
}
