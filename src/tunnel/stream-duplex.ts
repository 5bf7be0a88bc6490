import { Duplex } from "node:stream";
import { SwapError } from "../error.ts";
import { resetCode, type StreamEnd } from "./stream-end.ts";
import type { MuxStream } from "./stream.ts";

/** A stream as a node Duplex, for consumers that need one; a relay of sockets is cheaper by `relay`. */
export class StreamDuplex extends Duplex {
  readonly #stream: MuxStream;
  #unread = 0;
  #continue: (() => void) | undefined;

  constructor(stream: MuxStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.attach({
      onData: (bytes) => {
        if (this.push(bytes)) stream.consumed(bytes.length);
        else this.#unread += bytes.length;
      },
      onEnd: () => this.push(null),
      onDrain: () => this.#resumeWriting(),
      onClose: (end) => this.#onClose(end),
    });
  }

  override _read(): void {
    const count = this.#unread;
    this.#unread = 0;
    if (count > 0) this.#stream.consumed(count);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    if (this.#stream.write(chunk)) callback();
    else this.#continue = callback;
  }

  override _final(callback: () => void): void {
    this.#stream.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#stream.reset(resetCode.cancelled);
    callback(error);
  }

  #resumeWriting(): void {
    const callback = this.#continue;
    this.#continue = undefined;
    callback?.();
  }

  #onClose(end: StreamEnd): void {
    if (end.how === "finished") this.#resumeWriting();
    else this.destroy(endError(end));
  }
}

/** The error that a reader of a stream sees; undefined for the good end and for our own reset. */
export function endError(end: StreamEnd): Error | undefined {
  switch (end.how) {
    case "finished":
      return undefined;
    case "reset":
      return end.by === "us"
        ? undefined
        : new SwapError("agent", `The other side reset the stream (code ${end.code}).`);
    case "gone":
      return new SwapError("agent", "The tunnel broke.", { cause: end.error });
    case "closed":
      return new SwapError("agent", `The tunnel was closed: ${end.reason}.`);
  }
}
