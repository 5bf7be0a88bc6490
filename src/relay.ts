import type { Socket } from "node:net";
import { blockBytes, giveBlock, takeBlock } from "./block-pool.ts";
import { ByteQueue } from "./tunnel/byte-queue.ts";
import { RelaySocket } from "./relay-socket.ts";
import { resetCode, type StreamEnd } from "./tunnel/stream-end.ts";
import type { MuxStream, StreamEars } from "./tunnel/stream.ts";

/** How a relayed connection ended, and its payload bytes. */
export interface RelayResult {
  end: StreamEnd;
  fromSocket: number;
  toSocket: number;
}

/**
 * Joins a TCP connection with a stream, both ways, until both have ended: bytes under backpressure, half-close, and a
 * reset of one as a reset of the other. The socket is connected or connecting (with `allowHalfOpen`); the stream is not
 * attached yet. A RelaySocket costs less than a plain socket, which must not be flowing. `onDone` is called once, when
 * the stream has ended; `resetCodeOf` names the reset that an error of the socket becomes.
 */
export function relay(
  joined: RelaySocket | Socket,
  stream: MuxStream,
  onDone?: (result: RelayResult) => void,
  resetCodeOf: (error: Error) => number = () => resetCode.connectionReset,
): void {
  const socket = joined instanceof RelaySocket ? joined : RelaySocket.wrap(joined);
  const toSocket = new SocketWriter(socket, stream, onDone);
  const tcp = socket.socket;
  tcp.on("end", () => stream.end());
  tcp.on("error", (error: Error) => stream.reset(resetCodeOf(error)));
  tcp.on("close", () => {
    // After a clean close bytes of it may still wait for credit in the stream.
    if (!tcp.readableEnded || !tcp.writableFinished) stream.reset(resetCode.connectionReset);
  });
  stream.attach(toSocket);
  if (tcp.destroyed) stream.reset(resetCode.connectionReset);
  else socket.read((bytes) => stream.write(bytes));
}

/** Writes of one socket under way at once; what comes beyond is gathered. */
const maxWrites = 4;
/** Below this a copy of its own is cheaper than a block. */
const smallBytes = 4_096;

/** The direction from the stream to the socket. */
class SocketWriter implements StreamEars {
  readonly #socket: RelaySocket;
  readonly #stream: MuxStream;
  readonly #onDone: ((result: RelayResult) => void) | undefined;
  #writes = 0;
  #queue: ByteQueue | undefined;
  #ended = false;

  constructor(socket: RelaySocket, stream: MuxStream, onDone: ((result: RelayResult) => void) | undefined) {
    this.#socket = socket;
    this.#stream = stream;
    this.#onDone = onDone;
  }

  onData(bytes: Buffer): void {
    if (this.#isFree) this.#write(bytes);
    else this.#keep(bytes);
  }

  onBorrowed(bytes: Buffer): void {
    if (!this.#isFree) this.#keep(bytes);
    else if (bytes.length <= smallBytes || bytes.length > blockBytes) this.#write(Buffer.from(bytes));
    else {
      const block = takeBlock();
      block.set(bytes);
      this.#write(block.subarray(0, bytes.length), block);
    }
  }

  onEnd(): void {
    this.#ended = true;
    this.#endIfDone();
  }

  onDrain(): void {
    this.#socket.resume();
  }

  onClose(end: StreamEnd): void {
    if (end.how !== "finished") {
      this.#queue = undefined;
      this.#socket.abort();
    }
    this.#onDone?.({ end, fromSocket: this.#stream.sent, toSocket: this.#stream.received });
  }

  get #isFree(): boolean {
    return this.#queue === undefined && this.#writes < maxWrites;
  }

  #keep(bytes: Buffer): void {
    (this.#queue ??= new ByteQueue()).push(bytes);
  }

  #write(bytes: Buffer, block?: Buffer): void {
    this.#writes += 1;
    this.#socket.socket.write(bytes, () => this.#written(bytes.length, block));
  }

  #written(count: number, block: Buffer | undefined): void {
    if (block !== undefined) giveBlock(block);
    this.#writes -= 1;
    this.#stream.consumed(count);
    const next = this.#queue?.shift();
    if (next !== undefined) this.#write(next);
    if (this.#queue?.length === 0) this.#queue = undefined;
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#ended && this.#writes === 0 && this.#queue === undefined) this.#socket.socket.end();
  }
}
