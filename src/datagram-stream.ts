import { DatagramDecoder, frameDatagram } from "./datagram-frame.ts";
import type { StreamEnd } from "./tunnel/stream-end.ts";
import type { MuxStream } from "./tunnel/stream.ts";

/** Bytes that several streams together may have waiting for the tunnel. */
export interface Backlog {
  readonly max: number;
  used: number;
}

export interface DatagramEars {
  /** Valid during the call only. */
  onDatagram(datagram: Buffer): void;
  /** Once. The other side's end is answered by ours, so a stream that either side ends is finished. */
  onClose(end: StreamEnd): void;
}

/** Bytes that one stream may have waiting beyond its credit. */
const maxWaiting = 65_536;

/** Datagrams over a stream. As on a network, those that the way does not take in time are dropped. */
export class DatagramStream {
  dropped = 0;
  readonly #stream: MuxStream;
  readonly #backlog: Backlog;
  /** Written since the stream asked to wait. */
  #waiting = 0;
  #blocked = false;
  #ended = false;

  /** Attaches to the stream. `backlog` is shared by those that live on one memory. */
  constructor(stream: MuxStream, ears: DatagramEars, backlog: Backlog) {
    this.#stream = stream;
    this.#backlog = backlog;
    const decoder = new DatagramDecoder((datagram) => ears.onDatagram(datagram));
    const hear = (bytes: Buffer): void => {
      decoder.write(bytes);
      stream.consumed(bytes.length);
    };
    stream.attach({
      onData: hear,
      onBorrowed: hear,
      onEnd: () => this.end(),
      onDrain: () => this.#unblock(),
      onClose: (end) => {
        this.#unblock();
        ears.onClose(end);
      },
    });
  }

  /** False when it was dropped. The bytes are free for use afterwards. */
  send(datagram: Uint8Array): boolean {
    const frame = frameDatagram(datagram);
    if (frame === undefined || this.#ended || this.#stream.closed !== undefined || !this.#takes(frame.length)) {
      this.dropped += 1;
      return false;
    }
    if (this.#stream.write(frame)) return true;
    this.#blocked = true;
    this.#waiting += frame.length;
    this.#backlog.used += frame.length;
    return true;
  }

  /** No more datagrams from here; the other side ends too. */
  end(): void {
    this.#ended = true;
    this.#stream.end();
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }

  #takes(bytes: number): boolean {
    if (this.#backlog.used + bytes > this.#backlog.max) return false;
    return !this.#blocked || this.#waiting + bytes <= maxWaiting;
  }

  #unblock(): void {
    this.#blocked = false;
    this.#backlog.used -= this.#waiting;
    this.#waiting = 0;
  }
}
