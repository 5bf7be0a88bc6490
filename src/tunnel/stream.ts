import type { StreamOpen } from "../wire/stream-open.ts";
import type { StreamEnd } from "./stream-end.ts";

/**
 * What the holder of a stream hears. All but `onEnd` may come at any time after `attach`, also from within it; nothing
 * comes after `onClose`, which comes exactly once.
 */
export interface StreamEars {
  /**
   * The next bytes: the receiver's to keep, but a view of a larger buffer. The holder says `consumed` when it has
   * disposed of them; until then they count against the stream's window, which is how a slow reader slows the writer.
   */
  onData(bytes: Buffer): void;
  /** As `onData`, for bytes that are valid during the call only. Without it they are copied and go to `onData`. */
  onBorrowed?(bytes: Buffer): void;
  /** The other side writes no more. */
  onEnd(): void;
  /** After a `write` that returned false: write again. */
  onDrain(): void;
  onClose(end: StreamEnd): void;
}

/** One stream of a Mux: see there for how it can end. */
export interface MuxStream {
  readonly id: number;
  readonly open: StreamOpen;
  /** Payload bytes of its life. */
  readonly received: number;
  readonly sent: number;
  /** Set when the stream has ended. */
  readonly closed: StreamEnd | undefined;
  /** Starts the delivery; what came before was kept (bounded by the window). Once only. */
  attach(ears: StreamEars): void;
  /**
   * Sends bytes. They are copied before the call returns, so the buffer may be used again. Returns false when the
   * writer should wait for `onDrain`; what it writes nevertheless is queued without bound. Ignored on a closed stream.
   */
  write(bytes: Uint8Array): boolean;
  /** No more writes; the other direction goes on. */
  end(): void;
  /** Kills the stream both ways; what is queued is dropped. `onClose` comes before it returns. */
  reset(code: number): void;
  /** Returns `count` bytes of credit to the writer: see `onData`. */
  consumed(count: number): void;
}
