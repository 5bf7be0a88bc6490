/** SFTP version 3, as draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL file (section 4) have it. */
export const sftpVersion = 3;

export const packetType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const statusCode = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** Bits of an open's flags. */
export const openFlag = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** Bytes of a packet at most, without its length; a longer one ends the connection. OpenSSH has the same. */
export const maxPacket = 256 * 1_024;
/** Bytes that one read or write may carry: a packet less its other fields. */
export const maxTransfer = 255 * 1_024;
/** Open files and folders of one connection at most. */
export const maxHandles = 1_000;

/** What the server can beyond version 3, with the version of each. */
export const extensions: readonly (readonly [name: string, version: string])[] = [
  ["posix-rename@openssh.com", "1"],
  ["statvfs@openssh.com", "2"],
  ["fstatvfs@openssh.com", "2"],
  ["hardlink@openssh.com", "1"],
  ["fsync@openssh.com", "1"],
  ["lsetstat@openssh.com", "1"],
  ["limits@openssh.com", "1"],
];
