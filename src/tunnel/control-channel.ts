import { LineDecoder } from "../wire/line-decoder.ts";
import { type AgentMessage, type ClientMessage, maxMessageBytes } from "../wire/control-message.ts";
import { WireError } from "../wire/wire-error.ts";
import { resetCode, type StreamEnd } from "./stream-end.ts";
import type { MuxStream } from "./stream.ts";

export interface ControlEars<In> {
  /** Reads one line; undefined for a message to be skipped. Throws WireError, which resets the stream. */
  parse(line: string): In | undefined;
  onMessage(message: In): void;
  onClose(end: StreamEnd): void;
  /** A message that this version does not know, or one that broke the protocol. */
  onNote?(note: string): void;
}

/** Messages, one JSON object a line each way, over the stream of kind `control`. */
export class ControlChannel<Out extends ClientMessage | AgentMessage, In> {
  readonly #stream: MuxStream;

  constructor(stream: MuxStream, ears: ControlEars<In>) {
    this.#stream = stream;
    const lines = new LineDecoder(maxMessageBytes, (line) => {
      if (stream.closed !== undefined) return;
      const message = ears.parse(line);
      if (message === undefined) ears.onNote?.("skipped a control message of an unknown type");
      else ears.onMessage(message);
    });
    stream.attach({
      onData: (bytes) => {
        stream.consumed(bytes.length);
        try {
          lines.write(bytes);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
          ears.onNote?.(error.message);
          stream.reset(resetCode.cancelled);
        }
      },
      onEnd: () => stream.end(),
      onDrain: () => undefined,
      onClose: (end) => ears.onClose(end),
    });
  }

  /** Ignored when the stream has ended: `onClose` has said so. */
  send(message: Out): void {
    this.#stream.write(Buffer.from(`${JSON.stringify(message)}\n`));
  }
}
