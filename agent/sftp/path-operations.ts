import * as fs from "node:fs";
import { posix } from "node:path";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { packetType, statusCode } from "../../src/sftp/protocol.ts";
import { attributesOf, shownStats } from "./attributes-of.ts";
import { change } from "./change.ts";
import { type Operation, pathField, type Request } from "./request.ts";

export const lstat: Operation = (request) => replyStats(request, shownStats(pathField(request)));

export const stat: Operation = (request) => replyStats(request, fs.statSync(pathField(request)));

function replyStats(request: Request, stats: fs.Stats): void {
  request.reply(new PacketWriter(packetType.attrs, request.id).attributes(attributesOf(stats)).finish());
}

export const setstat: Operation = (request) => {
  const path = pathField(request);
  change(request.fields.attributes(), {
    truncate: (size) => fs.truncateSync(path, size),
    mode: (mode) => fs.chmodSync(path, mode),
    times: (atime, mtime) => fs.utimesSync(path, atime, mtime),
    owner: (uid, gid) => fs.chownSync(path, uid, gid),
  });
  request.status(statusCode.ok);
};

/** As `setstat`, for the link itself; Linux keeps neither size nor mode of one. */
export const lsetstat: Operation = (request) => {
  const path = pathField(request);
  const unsupported = (): never => {
    throw Object.assign(new Error("not for a link"), { code: "EOPNOTSUPP" });
  };
  change(request.fields.attributes(), {
    truncate: unsupported,
    mode: unsupported,
    times: (atime, mtime) => fs.lutimesSync(path, atime, mtime),
    owner: (uid, gid) => fs.lchownSync(path, uid, gid),
  });
  request.status(statusCode.ok);
};

export const remove: Operation = (request) => {
  fs.unlinkSync(pathField(request));
  request.status(statusCode.ok);
};

/** Version 3: never over another file. */
export const rename: Operation = (request) => {
  const from = pathField(request);
  const to = pathField(request);
  if (fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined) return request.status(statusCode.failure, "EEXIST");
  fs.renameSync(from, to);
  request.status(statusCode.ok);
};

export const posixRename: Operation = (request) => {
  const from = pathField(request);
  fs.renameSync(from, pathField(request));
  request.status(statusCode.ok);
};

export const hardlink: Operation = (request) => {
  const from = pathField(request);
  fs.linkSync(from, pathField(request));
  request.status(statusCode.ok);
};

/** The target comes first: OpenSSH's order, which clients follow, and not the draft's. */
export const symlink: Operation = (request) => {
  const target = request.fields.bytes();
  if (target.includes(0)) return request.status(statusCode.failure, "EINVAL");
  fs.symlinkSync(target, pathField(request));
  request.status(statusCode.ok);
};

export const readlink: Operation = (request) => {
  replyName(request, fs.readlinkSync(pathField(request), { encoding: "buffer" }));
};

/** By its letters only: a client asks for `.` to learn where it is. */
export const realpath: Operation = (request) => {
  replyName(request, Buffer.from(posix.resolve("/", request.fields.text()), "latin1"));
};

function replyName(request: Request, name: Buffer): void {
  const answer = new PacketWriter(packetType.name, request.id, name.length + 64);
  request.reply(answer.uint32(1).bytes(name).uint32(0).attributes({}).finish());
}
