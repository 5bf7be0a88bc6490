import { WireError } from "../wire/wire-error.ts";

/** What a request wants to change, or an answer tells; each part may be missing. */
export interface Attributes {
  size?: number;
  owner?: { uid: number; gid: number };
  /** Type and permissions, as stat(2)'s st_mode. */
  mode?: number;
  /** Seconds since 1970. */
  times?: { atime: number; mtime: number };
}

export const attributeFlag = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 } as const;

/** Reads the fields of one packet in their order; what is not there is a WireError. */
export class PacketReader {
  readonly #packet: Buffer;
  #at: number;

  constructor(packet: Buffer, at: number) {
    this.#packet = packet;
    this.#at = at;
  }

  uint32(): number {
    return this.#packet.readUInt32BE(this.#take(4));
  }

  /** An offset or size, which a file cannot have beyond 2^53. */
  uint64(): number {
    const value = this.#packet.readBigUInt64BE(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new WireError("a number is too large");
    return Number(value);
  }

  /** A view of the packet. */
  bytes(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#packet.subarray(start, start + length);
  }

  text(): string {
    return this.bytes().toString("latin1");
  }

  attributes(): Attributes {
    const flags = this.uint32();
    const attributes: Attributes = {};
    if ((flags & attributeFlag.size) !== 0) attributes.size = this.uint64();
    if ((flags & attributeFlag.owner) !== 0) attributes.owner = { uid: this.uint32(), gid: this.uint32() };
    if ((flags & attributeFlag.mode) !== 0) attributes.mode = this.uint32();
    if ((flags & attributeFlag.times) !== 0) attributes.times = { atime: this.uint32(), mtime: this.uint32() };
    // Extended attributes come last, and nobody here knows any.
    return attributes;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#packet.length - at) throw new WireError("a packet is too short for its fields");
    this.#at = at + count;
    return at;
  }
}
