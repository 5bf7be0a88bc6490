import { frameType, headerBytes, maxPayload, payloadBounds } from "./frame.ts";
import { WireError } from "./wire-error.ts";

/** What a FrameDecoder finds, in order. */
export interface FrameSink {
  /** Bytes of a data frame, as they arrive: a frame may come in several pieces. They are a view of the chunk. */
  data(stream: number, bytes: Buffer): void;
  /** Any other frame of a known type, whole. The payload is only valid during the call. */
  frame(type: number, stream: number, payload: Buffer): void;
  /** A frame of an unknown type, whose payload is skipped. */
  unknown(type: number): void;
}

const empty = Buffer.alloc(0);

/**
 * Cuts a byte stream into frames. Type and length are checked as soon as the header is there; data is never gathered,
 * and of other frames no more than their own bound (4 KiB) is.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #type = 0;
  #stream = 0;
  /** Bytes of the current payload that have not arrived. */
  #missing = 0;
  /** The part of a control frame's payload that has arrived, while it is incomplete. */
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** True where a frame has begun and not ended. */
  get inFrame(): boolean {
    return this.#missing > 0 || this.#headerFilled > 0;
  }

  /** Takes the next bytes. Throws WireError when they break the protocol; the decoder is of no use then. */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#missing > 0 ? this.#payload(chunk, at) : this.#head(chunk, at);
  }

  #head(chunk: Buffer, at: number): number {
    if (this.#headerFilled === 0 && chunk.length - at >= headerBytes) {
      this.#begin(chunk, at);
      return at + headerBytes;
    }
    const taken = Math.min(headerBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + taken);
    this.#headerFilled += taken;
    if (this.#headerFilled === headerBytes) {
      this.#headerFilled = 0;
      this.#begin(this.#header, 0);
    }
    return at + taken;
  }

  #begin(header: Buffer, at: number): void {
    this.#type = header.readUInt8(at);
    const length = header.readUIntBE(at + 1, 3);
    this.#stream = header.readUInt32BE(at + 4);
    const bounds = payloadBounds(this.#type);
    if (length > maxPayload || (bounds !== undefined && (length < bounds[0] || length > bounds[1]))) {
      throw new WireError(`a frame of type ${this.#type} announces ${length} bytes`);
    }
    this.#missing = length;
    if (bounds === undefined) this.#sink.unknown(this.#type);
    else if (length === 0) this.#sink.frame(this.#type, this.#stream, empty);
  }

  #payload(chunk: Buffer, at: number): number {
    const taken = Math.min(this.#missing, chunk.length - at);
    const whole = taken === this.#missing && this.#gathered === undefined;
    this.#missing -= taken;
    if (this.#type === frameType.data) this.#sink.data(this.#stream, chunk.subarray(at, at + taken));
    else if (payloadBounds(this.#type) !== undefined) {
      if (whole) this.#sink.frame(this.#type, this.#stream, chunk.subarray(at, at + taken));
      else this.#gather(chunk, at, taken);
    }
    return at + taken;
  }

  #gather(chunk: Buffer, at: number, taken: number): void {
    this.#gathered ??= Buffer.allocUnsafe(taken + this.#missing);
    chunk.copy(this.#gathered, this.#gatheredBytes, at, at + taken);
    this.#gatheredBytes += taken;
    if (this.#missing > 0) return;
    const payload = this.#gathered;
    this.#gathered = undefined;
    this.#gatheredBytes = 0;
    this.#sink.frame(this.#type, this.#stream, payload);
  }
}
