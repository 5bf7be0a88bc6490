import type { Duplex } from "node:stream";
import { headerBytes, maxPayload, writeHeader } from "../wire/frame.ts";
import type { ByteQueue } from "./byte-queue.ts";

/** A slab is written out when it holds this much, or at the end of the event loop's turn. */
const slabTarget = 65_536;
const slabBytes = slabTarget + maxPayload + 2 * headerBytes;
/** Below this a copy is cheaper than keeping a slab busy. */
const smallWrite = 4_096;
const sparesKept = 4;

/**
 * Gathers frames into few large writes: each write is a message through the API server. Frames of one turn of the
 * event loop leave together when the turn's input has been read; there is no timer.
 */
export class Outbox {
  readonly #transport: Duplex;
  readonly #limit: number;
  readonly #onRoom: () => void;
  readonly #spares: Buffer[] = [];
  #slab: Buffer | undefined;
  #filled = 0;
  #inFlight = 0;
  #scheduled = false;
  #stopped = false;

  /** `limit`: bytes that may wait in the transport before `hasRoom` is false; `onRoom` is called when it is true again. */
  constructor(transport: Duplex, limit: number, onRoom: () => void) {
    this.#transport = transport;
    this.#limit = limit;
    this.#onRoom = onRoom;
  }

  /** Bytes that the transport has not reported as written. */
  get waiting(): number {
    return this.#inFlight + this.#filled;
  }

  /** Whether data may be added. Control frames may always be; the Mux bounds them. */
  get hasRoom(): boolean {
    return this.waiting < this.#limit;
  }

  /** Adds a frame whose payload, of at most `maxPayload` bytes, is part of `bytes`. */
  add(type: number, stream: number, bytes: Uint8Array, from: number, to: number): void {
    const at = this.#reserve(type, stream, to - from);
    const slab = this.#slab!;
    slab.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at);
  }

  addFrom(type: number, stream: number, queue: ByteQueue, count: number): void {
    const at = this.#reserve(type, stream, count);
    queue.moveTo(this.#slab!, at, count);
  }

  addEmpty(type: number, stream: number): void {
    this.#reserve(type, stream, 0);
  }

  addNumber(type: number, stream: number, value: number): void {
    const at = this.#reserve(type, stream, 4);
    this.#slab!.writeUInt32BE(value, at);
  }

  /** Writes out what has gathered. */
  flush(): void {
    const slab = this.#slab;
    const count = this.#filled;
    if (slab === undefined || count === 0 || this.#stopped) return;
    this.#filled = 0;
    this.#inFlight += count;
    if (count <= smallWrite) {
      this.#transport.write(Buffer.from(slab.subarray(0, count)), () => this.#written(count, undefined));
    } else {
      this.#slab = undefined;
      this.#transport.write(slab.subarray(0, count), () => this.#written(count, slab));
    }
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#stopped = true;
    this.#slab = undefined;
    this.#filled = 0;
    this.#spares.length = 0;
  }

  #reserve(type: number, stream: number, length: number): number {
    if (this.#filled >= slabTarget) this.flush();
    this.#slab ??= this.#spares.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
    writeHeader(this.#slab, this.#filled, type, length, stream);
    const at = this.#filled + headerBytes;
    this.#filled = at + length;
    if (!this.#scheduled) this.#schedule();
    return at;
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #written(count: number, slab: Buffer | undefined): void {
    const wasFull = !this.hasRoom;
    this.#inFlight -= count;
    if (this.#stopped) return;
    if (slab !== undefined && this.#spares.length < sparesKept) this.#spares.push(slab);
    if (wasFull && this.hasRoom) this.#onRoom();
  }
}
