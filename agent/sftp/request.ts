import type { PacketReader } from "../../src/sftp/packet-reader.ts";
import type { Handles } from "./handles.ts";

/** One request, as an operation sees it. Its fields are views that are valid during the operation. */
export interface Request {
  readonly id: number;
  readonly fields: PacketReader;
  readonly handles: Handles;
  /** Sends the answer. `onSent` comes when its bytes may be used again. */
  reply(packet: Buffer, onSent?: () => void): void;
  status(code: number, message?: string): void;
}

/** Answers one request, synchronously; what it throws becomes the answer. */
export type Operation = (request: Request) => void;

const slash = 0x2f;
const dot = Buffer.from(".");

/** A path of the container; a relative one starts at its root. */
export function pathField(request: Request): Buffer {
  const path = request.fields.bytes();
  // A NUL would end it early for the system; Node refuses it with a TypeError, which is no answer.
  if (path.includes(0)) throw Object.assign(new Error("a path with a NUL"), { code: "ENOENT" });
  if (path[0] === slash) return path;
  return Buffer.concat([Buffer.from("/"), path.length === 0 ? dot : path]);
}
