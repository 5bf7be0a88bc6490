import { lstatSync, readlinkSync, type Stats, statSync } from "node:fs";
import type { Attributes } from "../../src/sftp/packet-reader.ts";

export function attributesOf({ size, uid, gid, mode, atimeMs, mtimeMs }: Stats): Attributes {
  return { size, owner: { uid, gid }, mode, times: { atime: seconds(atimeMs), mtime: seconds(mtimeMs) } };
}

/** Version 3 knows the seconds from 1970 to 2106. */
function seconds(ms: number): number {
  return Math.min(0xffff_ffff, Math.max(0, Math.floor(ms / 1_000)));
}

const slash = 0x2f;

/**
 * As lstat(2), but a link that leads out of its folder (an absolute one, or by `..`) is shown as what it points to: a
 * careful sshfs (CVE-2026-47187) refuses to follow such a link, and on the laptop it would lead elsewhere. Kubernetes'
 * own links (`..data`) do not leave their folder. A link that leads nowhere stays one.
 */
export function shownStats(path: Buffer): Stats {
  const stats = lstatSync(path);
  if (!stats.isSymbolicLink() || !leavesFolder(readlinkSync(path, { encoding: "buffer" }))) return stats;
  return statSync(path, { throwIfNoEntry: false }) ?? stats;
}

function leavesFolder(target: Buffer): boolean {
  return target[0] === slash || target.toString("latin1").split("/").includes("..");
}
