/**
 * Datagrams on a stream: each behind its length, 2 bytes, big-endian; the framing of DNS over TCP (RFC 1035, 4.2.2). No
 * length is too large to be buffered.
 */
export const maxDatagram = 65_535;

const prefixBytes = 2;

/** Every caller's frame is copied on before the next one is made. */
const scratch = Buffer.allocUnsafeSlow(prefixBytes + maxDatagram);

/** The datagram behind its length, valid until the next call; undefined for one that is too long to be framed. */
export function frameDatagram(datagram: Uint8Array): Buffer | undefined {
  if (datagram.length > maxDatagram) return undefined;
  scratch.writeUInt16BE(datagram.length, 0);
  scratch.set(datagram, prefixBytes);
  return scratch.subarray(0, prefixBytes + datagram.length);
}

/** Cuts the bytes of a stream into datagrams; each is valid during the call of `onDatagram` only. */
export class DatagramDecoder {
  readonly #onDatagram: (datagram: Buffer) => void;
  readonly #prefix = Buffer.alloc(prefixBytes);
  /** Bytes of the prefix and of the datagram that have come; a datagram that came in one piece is never kept. */
  #have = 0;
  #part: Buffer | undefined;

  constructor(onDatagram: (datagram: Buffer) => void) {
    this.#onDatagram = onDatagram;
  }

  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#have > 0 ? this.#continue(chunk, at) : this.#begin(chunk, at);
  }

  #begin(chunk: Buffer, at: number): number {
    const start = at + prefixBytes;
    const end = start <= chunk.length ? start + chunk.readUInt16BE(at) : Infinity;
    if (end > chunk.length) return this.#continue(chunk, at);
    this.#onDatagram(chunk.subarray(start, end));
    return end;
  }

  #continue(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#have < prefixBytes && at < chunk.length) this.#prefix[this.#have++] = chunk[at++]!;
    if (this.#have < prefixBytes) return at;
    const part = (this.#part ??= Buffer.allocUnsafe(this.#prefix.readUInt16BE(0)));
    const count = Math.min(part.length - (this.#have - prefixBytes), chunk.length - at);
    chunk.copy(part, this.#have - prefixBytes, at, at + count);
    this.#have += count;
    if (this.#have - prefixBytes === part.length) {
      this.#part = undefined;
      this.#have = 0;
      this.#onDatagram(part);
    }
    return at + count;
  }
}
