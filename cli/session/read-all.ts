import { SwapError } from "../../src/error.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";

/** Linux takes no larger environment (execve(2): 6 MiB with an 8 MiB stack). */
const maxBytes = 8 * 1024 * 1024;

/** All bytes of a stream that the other side writes and ends. @throws SwapError agent when it ends otherwise. */
export async function readAll(stream: MuxStream, signal: AbortSignal): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let length = 0;
  const onAbort = (): void => {
    // Before the reset, whose own ending of the stream would be taken for the reason.
    reject(signal.reason as Error);
    stream.reset(resetCode.cancelled);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  stream.attach({
    onData(bytes) {
      stream.consumed(bytes.length);
      length += bytes.length;
      if (length > maxBytes) stream.reset(resetCode.overloaded);
      else chunks.push(bytes);
    },
    onEnd() {
      resolve(Buffer.concat(chunks));
      stream.end();
    },
    onDrain() {},
    onClose(end) {
      reject(new SwapError("agent", `the agent did not send all of a ${stream.open.kind} stream (${end.how})`));
    },
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
