import { type PathLike, statfsSync } from "node:fs";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { maxHandles, maxPacket, maxTransfer, packetType, statusCode } from "../../src/sftp/protocol.ts";
import { fsync } from "./file-operations.ts";
import { hardlink, lsetstat, posixRename } from "./path-operations.ts";
import { type Operation, pathField, type Request } from "./request.ts";

const longestName = 255;

const statvfs: Operation = (request) => replyStatvfs(request, pathField(request));

const fstatvfs: Operation = (request) => {
  const handle = request.handles.get(request.fields.bytes());
  if (handle === undefined) return request.status(statusCode.failure, "EBADF");
  replyStatvfs(request, handle.kind === "file" ? `/proc/self/fd/${handle.fd}` : handle.path);
};

/** statvfs(3); the flags (read-only, nosuid) are the client's mount's own. */
function replyStatvfs(request: Request, path: PathLike): void {
  const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true });
  const answer = new PacketWriter(packetType.extendedReply, request.id, 128);
  for (const value of [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, 0n, 0n, BigInt(longestName)]) {
    answer.uint64(value);
  }
  request.reply(answer.finish());
}

const limits: Operation = (request) => {
  const answer = new PacketWriter(packetType.extendedReply, request.id);
  for (const value of [maxPacket, maxTransfer, maxTransfer, maxHandles]) answer.uint64(value);
  request.reply(answer.finish());
};

const operations: ReadonlyMap<string, Operation> = new Map([
  ["posix-rename@openssh.com", posixRename],
  ["statvfs@openssh.com", statvfs],
  ["fstatvfs@openssh.com", fstatvfs],
  ["hardlink@openssh.com", hardlink],
  ["fsync@openssh.com", fsync],
  ["lsetstat@openssh.com", lsetstat],
  ["limits@openssh.com", limits],
]);

/** What OpenSSH added to version 3; the request names it. */
export const extended: Operation = (request) => {
  const operation = operations.get(request.fields.text());
  if (operation === undefined) request.status(statusCode.unsupported);
  else operation(request);
};
