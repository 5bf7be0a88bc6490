import type { Socket } from "node:net";
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
 * reset of one as a reset of the other. The socket is connected (with `allowHalfOpen`); the stream is not attached yet.
 * A RelaySocket costs less than a plain socket, which must not be flowing. `onDone` is called once, when the stream has
 * ended.
 */
export function relay(joined: RelaySocket | Socket, stream: MuxStream, onDone?: (result: RelayResult) => void): void {
  const socket = joined instanceof RelaySocket ? joined : RelaySocket.wrap(joined);
  const toSocket = new SocketWriter(socket, stream, onDone);
  const tcp = socket.socket;
  tcp.on("end", () => stream.end());
  tcp.on("error", () => stream.reset(resetCode.connectionReset));
  tcp.on("close", () => {
    // After a clean close bytes of it may still wait for credit in the stream.
    if (!tcp.readableEnded || !tcp.writableFinished) stream.reset(resetCode.connectionReset);
  });
  stream.attach(toSocket);
  if (tcp.destroyed) stream.reset(resetCode.connectionReset);
  else socket.read((bytes) => stream.write(bytes));
}

/** The direction from the stream to the socket. At most one write is under way; what comes meanwhile is gathered. */
class SocketWriter implements StreamEars {
  readonly #socket: RelaySocket;
  readonly #stream: MuxStream;
  readonly #onDone: ((result: RelayResult) => void) | undefined;
  #writing = 0;
  #queue: ByteQueue | undefined;
  #ended = false;
  #written = (): void => {
    const count = this.#writing;
    this.#writing = 0;
    this.#stream.consumed(count);
    const next = this.#queue?.shift();
    if (next !== undefined) this.#write(next);
    else {
      this.#queue = undefined;
      if (this.#ended) this.#socket.socket.end();
    }
  };

  constructor(socket: RelaySocket, stream: MuxStream, onDone: ((result: RelayResult) => void) | undefined) {
    this.#socket = socket;
    this.#stream = stream;
    this.#onDone = onDone;
  }

  onData(bytes: Buffer): void {
    if (this.#writing === 0) this.#write(bytes);
    else (this.#queue ??= new ByteQueue()).push(bytes);
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#writing === 0) this.#socket.socket.end();
  }

  onDrain(): void {
    this.#socket.resume();
  }

  onClose(end: StreamEnd): void {
    if (end.how !== "finished") {
      this.#queue = undefined;
      // A peer must see that its connection did not end well: RST, not FIN.
      this.#socket.socket.resetAndDestroy();
    }
    this.#onDone?.({ end, fromSocket: this.#stream.sent, toSocket: this.#stream.received });
  }

  #write(bytes: Buffer): void {
    this.#writing = bytes.length;
    this.#socket.socket.write(bytes, this.#written);
  }
}
