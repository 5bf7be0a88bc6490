import { resetCode } from "../src/tunnel/stream-end.ts";
import type { MuxStream } from "../src/tunnel/stream.ts";
import { log } from "./last-words.ts";

/** Writes one answer on a stream that asks by being opened, and ends it. What cannot be answered is a reset. */
export async function answerStream(stream: MuxStream, answer: () => Buffer | Promise<Buffer>): Promise<void> {
  stream.attach({
    onData: (bytes) => stream.consumed(bytes.length),
    onEnd: () => undefined,
    onDrain: () => undefined,
    onClose: () => undefined,
  });
  try {
    stream.write(await answer());
    stream.end();
  } catch (error) {
    log(`no answer to ${stream.open.kind}: ${error instanceof Error ? error.message : String(error)}`);
    stream.reset(resetCode.cancelled);
  }
}
