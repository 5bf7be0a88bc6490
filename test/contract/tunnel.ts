import { Mux, type MuxOptions } from "../../src/tunnel/mux.ts";
import type { MuxEnd, StreamEnd } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { Pair } from "./pairs.ts";

/** What one side of a stream has heard. */
export class Ear {
  readonly stream: MuxStream;
  readonly chunks: Buffer[] = [];
  /** Delivered bytes whose credit is kept back, while `reading` is false. */
  unread = 0;
  received = 0;
  ended = false;
  drains = 0;
  end: StreamEnd | undefined;
  onDrain: (() => void) | undefined;
  #reading: boolean;
  readonly #changes = new Set<() => void>();

  constructor(stream: MuxStream, options: { reading?: boolean; keep?: boolean } = {}) {
    this.stream = stream;
    this.#reading = options.reading ?? true;
    stream.attach({
      onData: (bytes) => {
        this.received += bytes.length;
        if (options.keep ?? true) this.chunks.push(bytes);
        if (this.#reading) stream.consumed(bytes.length);
        else this.unread += bytes.length;
        this.#changed();
      },
      onEnd: () => {
        this.ended = true;
        this.#changed();
      },
      onDrain: () => {
        this.drains += 1;
        this.onDrain?.();
        this.#changed();
      },
      onClose: (end) => {
        this.end = end;
        this.#changed();
      },
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  read(): void {
    this.#reading = true;
    const count = this.unread;
    this.unread = 0;
    this.stream.consumed(count);
  }

  /** Resolves as soon as `condition` holds; it is looked at after every event of this stream. */
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#changes.delete(look);
        resolve();
      };
      this.#changes.add(look);
    });
  }

  /** Writes all of it, waiting as told. */
  async send(bytes: Buffer, chunkBytes = 65_536): Promise<void> {
    for (let at = 0; at < bytes.length && this.end === undefined; at += chunkBytes) {
      const drains = this.drains;
      if (!this.stream.write(bytes.subarray(at, at + chunkBytes))) {
        await this.until(() => this.drains > drains || this.end !== undefined);
      }
    }
  }

  #changed(): void {
    for (const look of this.#changes) look();
  }
}

export interface Tunnel {
  client: Mux;
  agent: Mux;
  /** Resolve with the ends. */
  clientEnd: Promise<MuxEnd>;
  agentEnd: Promise<MuxEnd>;
  /** The next stream that the client opened, as the agent sees it. */
  accepted(): Promise<MuxStream>;
}

type Tuning = Partial<Omit<MuxOptions, "role" | "onClose">>;

/** Two muxes over a pair; heartbeats are off unless asked for. */
export function tunnel(pair: Pair, tuning: { client?: Tuning; agent?: Tuning } = {}): Tunnel {
  const arrived: MuxStream[] = [];
  const wanted: ((stream: MuxStream) => void)[] = [];
  const clientEnd = Promise.withResolvers<MuxEnd>();
  const agentEnd = Promise.withResolvers<MuxEnd>();
  const common = { heartbeat: false, onStream: () => undefined } as const;
  const agent = new Mux(pair.agent, {
    ...common,
    onStream: (stream) => {
      const next = wanted.shift();
      if (next === undefined) arrived.push(stream);
      else next(stream);
    },
    ...tuning.agent,
    role: "agent",
    onClose: agentEnd.resolve,
  });
  const client = new Mux(pair.client, { ...common, ...tuning.client, role: "client", onClose: clientEnd.resolve });
  const accepted = (): Promise<MuxStream> => {
    const next = arrived.shift();
    return next === undefined ? new Promise((resolve) => wanted.push(resolve)) : Promise.resolve(next);
  };
  return { client, agent, clientEnd: clientEnd.promise, agentEnd: agentEnd.promise, accepted };
}
