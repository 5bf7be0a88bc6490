import * as fs from "node:fs";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { packetType, statusCode } from "../../src/sftp/protocol.ts";
import { attributesOf, shownStats } from "./attributes-of.ts";
import type { FolderHandle } from "./handles.ts";
import { type Operation, pathField } from "./request.ts";

/** Names and bytes of one answer at most: OpenSSH's number, and a packet that every client takes. */
const maxNames = 100;
const maxBytes = 32_768;
/** Entries that one system call brings. */
const bufferSize = 256;
const defaultMode = 0o777;

export const opendir: Operation = (request) => {
  // The folder outlives the packet.
  const path = Buffer.from(pathField(request));
  if (request.handles.full) return request.status(statusCode.failure, "EMFILE");
  // Names are bytes; the types know only of texts here.
  const dir = fs.opendirSync(path, { encoding: "buffer" as BufferEncoding, bufferSize });
  const name = request.handles.add({ kind: "folder", path, dir, next: undefined });
  request.reply(new PacketWriter(packetType.handle, request.id).bytes(name).finish());
};

export const readdir: Operation = (request) => {
  const folder = request.handles.get(request.fields.bytes());
  if (folder?.kind !== "folder") return request.status(statusCode.failure, "EBADF");
  const answer = new PacketWriter(packetType.name, request.id, maxBytes);
  const countAt = answer.length;
  answer.uint32(0);
  let count = 0;
  for (; count < maxNames;) {
    const name = (folder.next ??= nextName(folder));
    if (name === undefined || answer.length + name.length + 64 > maxBytes) break;
    folder.next = undefined;
    const stats = statsOf(folder, name);
    // Gone since the folder was read.
    if (stats === undefined) continue;
    // The long name is for people, and nobody sees it.
    answer.bytes(name).uint32(0).attributes(attributesOf(stats));
    count += 1;
  }
  if (count === 0) request.status(statusCode.endOfFile);
  else request.reply(answer.patch(countAt, count).finish());
};

function nextName({ dir }: FolderHandle): Buffer | undefined {
  return dir.readSync()?.name as Buffer | undefined;
}

function statsOf({ path }: FolderHandle, name: Buffer): fs.Stats | undefined {
  try {
    return shownStats(Buffer.concat([path, Buffer.from("/"), name]));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

export const mkdir: Operation = (request) => {
  const path = pathField(request);
  const { mode = defaultMode } = request.fields.attributes();
  fs.mkdirSync(path, { mode: mode & 0o7777 });
  request.status(statusCode.ok);
};

export const rmdir: Operation = (request) => {
  fs.rmdirSync(pathField(request));
  request.status(statusCode.ok);
};
