import * as fs from "node:fs";
import { packetType, maxTransfer, openFlag, statusCode } from "../../src/sftp/protocol.ts";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { giveBlock, takeBlock } from "./read-blocks.ts";
import { attributesOf } from "./attributes-of.ts";
import { change } from "./change.ts";
import type { FileHandle } from "./handles.ts";
import { type Operation, pathField, type Request } from "./request.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL, O_NONBLOCK, O_NOCTTY } = fs.constants;

const defaultMode = 0o666;
/** Of a data packet: length, type, id, length of the data. */
const dataHeader = 13;

export const open: Operation = (request) => {
  const path = pathField(request);
  const flags = request.fields.uint32();
  const { mode = defaultMode } = request.fields.attributes();
  if (request.handles.full) return request.status(statusCode.failure, "EMFILE");
  const fd = fs.openSync(path, systemFlags(flags), mode & 0o7777);
  request.reply(
    new PacketWriter(packetType.handle, request.id).bytes(request.handles.add({ kind: "file", fd })).finish(),
  );
};

function systemFlags(flags: number): number {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const access = has(openFlag.write) ? (has(openFlag.read) ? O_RDWR : O_WRONLY) : O_RDONLY;
  const append = has(openFlag.append) ? O_APPEND : 0;
  const create = has(openFlag.create) ? O_CREAT | (has(openFlag.exclusive) ? O_EXCL : 0) : 0;
  const truncate = has(openFlag.truncate) ? O_TRUNC : 0;
  // A FIFO without a partner would hold all that follow.
  return access | append | create | truncate | O_NONBLOCK | O_NOCTTY;
}

/** The open file of the request; undefined after an answer that there is none. */
function fileOf(request: Request): FileHandle | undefined {
  const handle = request.handles.get(request.fields.bytes());
  if (handle?.kind === "file") return handle;
  request.status(statusCode.failure, "EBADF");
  return undefined;
}

export const close: Operation = (request) => {
  const known = request.handles.close(request.fields.bytes());
  request.status(known ? statusCode.ok : statusCode.failure, known ? "" : "EBADF");
};

export const read: Operation = (request) => {
  const file = fileOf(request);
  if (file === undefined) return;
  const offset = request.fields.uint64();
  const wanted = Math.min(request.fields.uint32(), maxTransfer);
  const block = takeBlock(dataHeader + wanted);
  let count = 0;
  try {
    count = fs.readSync(file.fd, block, dataHeader, wanted, offset);
  } finally {
    if (count === 0) giveBlock(block);
  }
  if (count === 0) return request.status(statusCode.endOfFile);
  block.writeUInt32BE(count + dataHeader - 4, 0);
  block[4] = packetType.data;
  block.writeUInt32BE(request.id, 5);
  block.writeUInt32BE(count, 9);
  request.reply(block.subarray(0, dataHeader + count), () => giveBlock(block));
};

export const write: Operation = (request) => {
  const file = fileOf(request);
  if (file === undefined) return;
  const offset = request.fields.uint64();
  const data = request.fields.bytes();
  for (let done = 0; done < data.length;) {
    const count = fs.writeSync(file.fd, data, done, data.length - done, offset + done);
    if (count === 0) return request.status(statusCode.failure, "EIO");
    done += count;
  }
  request.status(statusCode.ok);
};

export const fstat: Operation = (request) => {
  const file = fileOf(request);
  if (file === undefined) return;
  const attributes = attributesOf(fs.fstatSync(file.fd));
  request.reply(new PacketWriter(packetType.attrs, request.id).attributes(attributes).finish());
};

export const fsetstat: Operation = (request) => {
  const file = fileOf(request);
  if (file === undefined) return;
  change(request.fields.attributes(), {
    truncate: (size) => fs.ftruncateSync(file.fd, size),
    mode: (mode) => fs.fchmodSync(file.fd, mode),
    times: (atime, mtime) => fs.futimesSync(file.fd, atime, mtime),
    owner: (uid, gid) => fs.fchownSync(file.fd, uid, gid),
  });
  request.status(statusCode.ok);
};

export const fsync: Operation = (request) => {
  const file = fileOf(request);
  if (file === undefined) return;
  fs.fsyncSync(file.fd);
  request.status(statusCode.ok);
};
