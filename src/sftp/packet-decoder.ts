import { WireError } from "../wire/wire-error.ts";
import { maxPacket } from "./protocol.ts";

const lengthBytes = 4;

/**
 * Cuts bytes into packets (without their length), each valid during the call of `onPacket` only. That may `pause`: the
 * rest is kept until `resume`, so a few bytes cannot ask for more answers than there is room for.
 */
export class PacketDecoder {
  readonly #onPacket: (packet: Buffer) => void;
  readonly #length = Buffer.alloc(lengthBytes);
  #lengthHave = 0;
  #part: Buffer | undefined;
  /** Bytes of packets that come in parts, one after the other: large writes all do. */
  #scratch = Buffer.alloc(0);
  #partHave = 0;
  #paused = false;
  /** Not looked at yet. */
  #rest: Buffer | undefined;

  constructor(onPacket: (packet: Buffer) => void) {
    this.#onPacket = onPacket;
  }

  /** Throws WireError for a length that no packet has. While it is paused the caller writes no more. */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#paused) {
        this.#rest = Buffer.concat([this.#rest ?? Buffer.alloc(0), chunk.subarray(at)]);
        return;
      }
      at = this.#lengthHave > 0 ? this.#continue(chunk, at) : this.#begin(chunk, at);
    }
  }

  pause(): void {
    this.#paused = true;
  }

  /** Goes on with what was kept; it may pause again. */
  resume(): void {
    this.#paused = false;
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.write(rest);
  }

  #begin(chunk: Buffer, at: number): number {
    if (chunk.length - at < lengthBytes) return this.#continue(chunk, at);
    const start = at + lengthBytes;
    const end = start + checkLength(chunk.readUInt32BE(at));
    if (end > chunk.length) return this.#continue(chunk, at);
    this.#onPacket(chunk.subarray(start, end));
    return end;
  }

  #continue(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#lengthHave < lengthBytes && at < chunk.length) this.#length[this.#lengthHave++] = chunk[at++]!;
    if (this.#lengthHave < lengthBytes) return at;
    const part = (this.#part ??= this.#room(checkLength(this.#length.readUInt32BE(0))));
    const count = Math.min(part.length - this.#partHave, chunk.length - at);
    chunk.copy(part, this.#partHave, at, at + count);
    this.#partHave += count;
    if (this.#partHave === part.length) {
      this.#part = undefined;
      this.#partHave = 0;
      this.#lengthHave = 0;
      this.#onPacket(part);
    }
    return at + count;
  }

  #room(length: number): Buffer {
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length);
    return this.#scratch.subarray(0, length);
  }
}

function checkLength(length: number): number {
  if (length < 1 || length > maxPacket) throw new WireError(`an SFTP packet of ${length} bytes`);
  return length;
}
