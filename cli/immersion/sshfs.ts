import { spawn, type ChildProcess } from "node:child_process";

export interface SshfsOptions {
  /** A descriptor of /dev/fuse that is mounted already (mount(2), type fuse), so that sshfs needs no privileges. */
  readonly device: number;
  /** A connected socket, or a descriptor of one, on which somebody serves SFTP. */
  readonly channel: number;
  /** The folder of the server that is shown. */
  readonly remote: string;
  /** Who owns what is shown. */
  readonly uid: number;
  readonly gid: number;
}

/**
 * How long names and attributes are believed, in seconds: an edit of a ConfigMap shows at once to a person, and a walk
 * through a tree asks for nothing twice.
 */
const cacheSeconds = 1;

/** Descriptor of the device in the child. */
const childDevice = 3;

/**
 * sshfs(1) without SSH: SFTP comes over a socket that is there already (`-o passive`). It ends with the socket, and what
 * it showed answers with errors from then on.
 */
export function sshfsArguments({ remote, uid, gid }: Pick<SshfsOptions, "remote" | "uid" | "gid">): string[] {
  const options = [
    "passive",
    "idmap=none",
    `uid=${uid}`,
    `gid=${gid}`,
    `dcache_timeout=${cacheSeconds}`,
    `entry_timeout=${cacheSeconds}`,
    `attr_timeout=${cacheSeconds}`,
    "auto_cache",
  ];
  return ["-f", "-o", options.join(","), `:${remote}`, `/dev/fd/${childDevice}`];
}

/** Starts sshfs; its end is told by the events of the child. */
export function startSshfs(options: SshfsOptions): ChildProcess {
  const { channel, device } = options;
  return spawn("sshfs", sshfsArguments(options), { stdio: [channel, channel, "inherit", device], cwd: "/" });
}
