import type { Duplex } from "node:stream";
import { WireError } from "../wire/wire-error.ts";

const newline = 0x0a;

/** The connection ended before a whole line was there. */
export class ConnectionEnded extends Error {
  override readonly name = "ConnectionEnded";
}

/**
 * One line of at most `max` bytes, without its newline. What follows it is put back, and the stream is left paused.
 * Throws WireError for a longer line, ConnectionEnded at the end, the signal's reason when it aborts.
 */
export function readLine(stream: Duplex, max: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const settle = (act: () => void): void => {
      stream.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onError);
      signal.removeEventListener("abort", onAbort);
      stream.pause();
      act();
    };
    const onData = (chunk: Buffer): void => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const end = held.indexOf(newline);
      if ((end < 0 ? held.length : end) > max) {
        settle(() => reject(new WireError(`a line is longer than ${max} bytes`)));
      } else if (end >= 0) {
        settle(() => {
          if (end + 1 < held.length) stream.unshift(held.subarray(end + 1));
          resolve(held.toString("utf8", 0, end));
        });
      }
    };
    const onEnd = (): void => settle(() => reject(new ConnectionEnded("the connection ended")));
    const onError = (error: Error): void => settle(() => reject(error));
    const onAbort = (): void => settle(() => reject(signal.reason as Error));
    if (signal.aborted) return onAbort();
    if (stream.destroyed || stream.readableEnded) return onEnd();
    signal.addEventListener("abort", onAbort);
    stream.on("data", onData).on("end", onEnd).on("close", onEnd).on("error", onError);
    stream.resume();
  });
}
