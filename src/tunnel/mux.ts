import type { Duplex } from "node:stream";
import { baseWindow, frameType, maxCredit, maxReasonBytes } from "../wire/frame.ts";
import { FrameDecoder, type FrameSink } from "../wire/frame-decoder.ts";
import { encodeStreamOpen, parseStreamOpen, type StreamOpen } from "../wire/stream-open.ts";
import { WireError } from "../wire/wire-error.ts";
import { defaultHeartbeat, Heartbeat, type HeartbeatOptions } from "./heartbeat.ts";
import { Outbox } from "./outbox.ts";
import { StreamCore, type StreamHost } from "./stream-core.ts";
import { type MuxEnd, resetCode } from "./stream-end.ts";
import type { MuxStream } from "./stream.ts";
import { StreamIds } from "./stream-ids.ts";
import { Turns } from "./turns.ts";
import { agentWindows, clientWindows, WindowBudget, type WindowLimits } from "./window.ts";

export interface MuxOptions {
  role: "client" | "agent";
  /** The other side opened a stream. It is the holder's duty to `attach` to it. */
  onStream(stream: MuxStream): void;
  /** Once, after all streams have ended. */
  onClose(end: MuxEnd): void;
  /** A frame of a type, or a stream of a kind, that this version does not know and has skipped. */
  onNote?(note: string): void;
  /** How to read, where the transport has a cheaper way than its `data` events: bytes valid during the call only. */
  input?(take: (bytes: Buffer) => void): void;
  windows?: WindowLimits;
  /** False where a layer beneath watches the transport. */
  heartbeat?: HeartbeatOptions | false;
  /** Streams that the other side may have open at once. */
  maxStreams?: number;
}

/** Bytes that wait in the transport at most before streams have to wait. */
const transportLimit = 262_144;
/** What may pile up beyond that in frames that cannot wait, before the other side is taken for not reading. */
const urgentLimit = 8 << 20;
/** How long a closing transport has to deliver the goodbye, in ms. */
const lingerMs = 1_000;

/**
 * Many streams over one duplex. Each has flow control of its own, so that a reader who stops stops nobody else; streams
 * that want to send at the same time take turns. A stream can end in these ways and no other, and each is told to its
 * holder (`StreamEnd`):
 * - finished: both sides have written to their end;
 * - reset by either side, with a code;
 * - gone: the transport ended or failed, the other side was silent too long or broke the protocol;
 * - closed: either side closed the tunnel, with a reason.
 */
export class Mux implements FrameSink, StreamHost {
  readonly outbox: Outbox;
  readonly budget: WindowBudget;
  readonly borrows: boolean;
  /** Payload bytes of all streams. */
  received = 0;
  sent = 0;
  /** When the other side was last heard, in ms of `performance.now()`. */
  heardAt = performance.now();
  /** Of the last ping, in ms; undefined before the first. */
  roundTripMs: number | undefined;
  ended: MuxEnd | undefined;
  readonly #transport: Duplex;
  readonly #options: MuxOptions;
  readonly #streams = new Map<number, StreamCore>();
  readonly #turns: Turns;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #decoder = new FrameDecoder(this);
  readonly #maxStreams: number;
  readonly #ids: StreamIds;
  #peerStreams = 0;
  /** Credit that our streams start with, as the other side said. */
  #peerInitial = baseWindow;
  #settingsHeard = false;
  #pingSentAt = 0;

  /** Takes over the transport, including its errors. It must not be in use otherwise; unshifted bytes are read first. */
  constructor(transport: Duplex, options: MuxOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#ids = new StreamIds(options.role);
    this.#maxStreams = options.maxStreams ?? 65_536;
    this.budget = new WindowBudget(options.windows ?? (options.role === "client" ? clientWindows : agentWindows));
    this.outbox = new Outbox(transport, transportLimit, () => this.#turns.take());
    this.#turns = new Turns(this.outbox);
    if (options.heartbeat !== false) {
      const onDead = (ms: number): void => this.#gone(new Error(`the other side has been silent for ${ms / 1_000} s`));
      this.#heartbeat = new Heartbeat(options.heartbeat ?? defaultHeartbeat, () => this.#ping(), onDead);
    }
    this.borrows = options.input !== undefined;
    transport.on("end", () => this.#gone(new Error("the connection was closed by the other side")));
    transport.on("error", (error: Error) => this.#gone(error));
    transport.on("close", () => this.#gone(new Error("the connection was closed")));
    this.outbox.addNumber(frameType.settings, 0, this.budget.limits.initial);
    if (options.input === undefined) transport.on("data", (chunk: Buffer) => this.#hear(chunk)).resume();
    else options.input((bytes) => this.#hear(bytes));
  }

  /** Streams open now. */
  get size(): number {
    return this.#streams.size;
  }

  get crowded(): boolean {
    return this.#turns.crowded;
  }

  /** A new stream, to be attached by the caller. On a mux that has ended it is born closed. */
  open(open: StreamOpen): MuxStream {
    const payload = encodeStreamOpen(open);
    const id = this.#ids.take((taken) => this.#streams.has(taken));
    const window = this.budget.start(true);
    const stream = new StreamCore(this, id, open, this.#peerInitial, window);
    this.#streams.set(id, stream);
    if (this.ended !== undefined) {
      stream.close(this.ended);
      return stream;
    }
    this.outbox.add(frameType.open, id, payload, 0, payload.length);
    stream.grant(window - this.budget.limits.initial);
    return stream;
  }

  /** Ends all streams and the tunnel; the other side is told the reason (at most 1 KiB of it). */
  close(reason: string): void {
    if (this.ended !== undefined) return;
    const payload = Buffer.from(reason).subarray(0, maxReasonBytes);
    this.outbox.add(frameType.goodbye, 0, payload, 0, payload.length);
    this.#finish({ how: "closed", by: "us", reason });
  }

  enqueue(stream: StreamCore): void {
    this.#turns.enqueue(stream);
  }

  awaitTurn(stream: StreamCore): void {
    this.#turns.awaitTurn(stream);
  }

  forget(stream: StreamCore): void {
    if (this.#streams.delete(stream.id) && !this.#ids.owns(stream.id)) this.#peerStreams -= 1;
  }

  /** @internal of the decoder */
  data(id: number, bytes: Buffer): void {
    this.received += bytes.length;
    this.#streams.get(id)?.onData(bytes);
  }

  /** @internal of the decoder */
  unknown(type: number): void {
    this.#options.onNote?.(`skipped a frame of the unknown type ${type}`);
  }

  /** @internal of the decoder */
  frame(type: number, id: number, payload: Buffer): void {
    if (this.ended !== undefined) return;
    switch (type) {
      case frameType.open:
        return this.#onOpen(id, payload);
      case frameType.end:
        return this.#streams.get(id)?.onPeerEnd();
      case frameType.reset:
        return this.#streams.get(id)?.onPeerReset(payload.readUInt32BE(0));
      case frameType.window:
        return this.#streams.get(id)?.onCredit(payload.readUInt32BE(0));
      case frameType.blocked:
        return this.#streams.get(id)?.onPeerBlocked();
      case frameType.ping:
        return this.outbox.add(frameType.pong, 0, payload, 0, 8);
      case frameType.pong:
        return this.#onPong(payload);
      case frameType.settings:
        return this.#onSettings(payload.readUInt32BE(0));
      case frameType.goodbye:
        return this.#finish({ how: "closed", by: "peer", reason: payload.toString("utf8") });
    }
  }

  #hear(chunk: Buffer): void {
    if (this.ended !== undefined) return;
    this.heardAt = performance.now();
    this.#heartbeat?.heard();
    try {
      this.#decoder.write(chunk);
      if (this.outbox.waiting > transportLimit + urgentLimit) throw new WireError("the other side does not read");
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#gone(error);
    }
  }

  #onOpen(id: number, payload: Buffer): void {
    if (id === 0 || this.#ids.owns(id) || this.#streams.has(id)) throw new WireError(`stream ${id} cannot be opened`);
    const open = parseStreamOpen(payload);
    if (open === undefined) {
      this.outbox.addNumber(frameType.reset, id, resetCode.unsupported);
      this.#options.onNote?.("refused a stream of an unknown kind");
    } else if (this.#peerStreams >= this.#maxStreams) {
      this.outbox.addNumber(frameType.reset, id, resetCode.overloaded);
      this.#options.onNote?.("refused a stream: there are too many");
    } else {
      const stream = new StreamCore(this, id, open, this.#peerInitial, this.budget.start(false));
      this.#streams.set(id, stream);
      this.#peerStreams += 1;
      this.#options.onStream(stream);
    }
  }

  #onSettings(initial: number): void {
    if (this.#settingsHeard || initial < baseWindow || initial > maxCredit)
      throw new WireError("settings out of place");
    this.#settingsHeard = true;
    this.#peerInitial = initial;
    for (const stream of this.#streams.values()) stream.onCredit(initial - baseWindow);
  }

  #ping(): void {
    this.#pingSentAt = performance.now();
    const payload = Buffer.alloc(8);
    payload.writeDoubleBE(this.#pingSentAt);
    this.outbox.add(frameType.ping, 0, payload, 0, 8);
  }

  #onPong(payload: Buffer): void {
    if (payload.readDoubleBE(0) === this.#pingSentAt) this.roundTripMs = performance.now() - this.#pingSentAt;
  }

  #gone(error: Error): void {
    if (this.ended === undefined) this.#finish({ how: "gone", error });
  }

  #finish(end: MuxEnd): void {
    this.ended = end;
    this.#heartbeat?.stop();
    this.outbox.flush();
    this.outbox.stop();
    this.#turns.stop();
    if (end.how === "closed") this.#linger();
    else this.#transport.destroy();
    for (const stream of this.#streams.values()) stream.close(end);
    this.#options.onClose(end);
  }

  /** A destroy at once would take the goodbye with it. */
  #linger(): void {
    const transport = this.#transport;
    const timer = setTimeout(() => transport.destroy(), lingerMs);
    transport.once("close", () => clearTimeout(timer));
    transport.once("end", () => transport.destroy());
    transport.end();
  }
}
