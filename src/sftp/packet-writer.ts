import { type Attributes, attributeFlag } from "./packet-reader.ts";

const smallest = 64;

/** Builds one packet, its length included. */
export class PacketWriter {
  #bytes: Buffer;
  #at = 4;

  /** `room` bytes are expected; more may be written. */
  constructor(type: number, id: number | undefined, room: number = smallest) {
    this.#bytes = Buffer.allocUnsafe(Math.max(smallest, room));
    this.#bytes[this.#at++] = type;
    if (id !== undefined) this.uint32(id);
  }

  /** Bytes so far. */
  get length(): number {
    return this.#at;
  }

  uint32(value: number): this {
    this.#reserve(4);
    this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
    return this;
  }

  uint64(value: number | bigint): this {
    this.#reserve(8);
    this.#at = this.#bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), this.#at);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  text(value: string): this {
    return this.bytes(Buffer.from(value, "utf8"));
  }

  attributes({ size, owner, mode, times }: Attributes): this {
    let flags = 0;
    if (size !== undefined) flags |= attributeFlag.size;
    if (owner !== undefined) flags |= attributeFlag.owner;
    if (mode !== undefined) flags |= attributeFlag.mode;
    if (times !== undefined) flags |= attributeFlag.times;
    this.uint32(flags);
    if (size !== undefined) this.uint64(size);
    if (owner !== undefined) this.uint32(owner.uid).uint32(owner.gid);
    if (mode !== undefined) this.uint32(mode);
    if (times !== undefined) this.uint32(times.atime).uint32(times.mtime);
    return this;
  }

  /** Overwrites a number that was written before what it counts. */
  patch(at: number, value: number): this {
    this.#bytes.writeUInt32BE(value, at);
    return this;
  }

  /** The packet; the writer is of no use afterwards. */
  finish(): Buffer {
    this.#bytes.writeUInt32BE(this.#at - 4, 0);
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#at + count, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
