import type { Attributes } from "../../src/sftp/packet-reader.ts";

/** How one file is changed: by its path, by its handle, or as the link that it is. */
export interface Changers {
  truncate(size: number): void;
  mode(mode: number): void;
  /** Seconds since 1970. */
  times(atime: number, mtime: number): void;
  owner(uid: number, gid: number): void;
}

/** Changes what is given, in OpenSSH's order; the first failure ends it. */
export function change({ size, mode, times, owner }: Attributes, by: Changers): void {
  if (size !== undefined) by.truncate(size);
  if (mode !== undefined) by.mode(mode & 0o7777);
  if (times !== undefined) by.times(times.atime, times.mtime);
  if (owner !== undefined) by.owner(owner.uid, owner.gid);
}
