import { integerField, maxPort, parseFields, stringField } from "./fields.ts";
import { maxOpenBytes } from "./frame.ts";
import { WireError } from "./wire-error.ts";

/** What a stream is for. Either side skips kinds that it does not know: see `parseStreamOpen`. */
export type StreamOpen =
  /** Client: control messages, one JSON object a line each way. Opened once, first. */
  | { kind: "control" }
  /** Client: the agent writes the container's environment (NAME=VALUE, each ended by NUL) and ends. */
  | { kind: "environment" }
  /** Agent: a connection that arrived at a port of the pod. */
  | { kind: "inbound"; port: number; remoteAddress: string; remotePort: number };

/** UTF-8 JSON, at most 4 KiB: else WireError. */
export function encodeStreamOpen(open: StreamOpen): Buffer {
  const bytes = Buffer.from(JSON.stringify(open));
  if (bytes.length > maxOpenBytes) throw new WireError(`the opening of a ${open.kind} stream is too long`);
  return bytes;
}

/** The opening in a frame's payload; undefined for a kind that this version does not know. Throws WireError. */
export function parseStreamOpen(payload: Buffer): StreamOpen | undefined {
  const fields = parseFields(payload.toString("utf8"), "the opening of a stream");
  const kind = stringField(fields, "kind", 64);
  switch (kind) {
    case "control":
    case "environment":
      return { kind };
    case "inbound":
      return {
        kind,
        port: integerField(fields, "port", 1, maxPort),
        remoteAddress: stringField(fields, "remoteAddress", 128),
        remotePort: integerField(fields, "remotePort", 0, maxPort),
      };
    default:
      return undefined;
  }
}
