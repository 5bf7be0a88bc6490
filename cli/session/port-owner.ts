import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";

/**
 * Names the process that listens on the laptop's TCP `port`, as far as /proc shows it to this user (proc_pid_fd(5)).
 * @returns "node (pid 4711)", or undefined.
 */
export async function portOwner(port: number): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const inodes = new Set<string>();
  for (const path of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const inode of listeningInodes(await readFile(path, "utf8").catch(() => ""), port)) inodes.add(inode);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    if (await holdsSocket(pid, inodes)) {
      return `${await nameOf(pid)} (pid ${pid})`;
    }
  }
  return undefined;
}

/** The program as it was called: threads may rename themselves in `comm`, and Node calls its own "MainThread". */
async function nameOf(pid: string): Promise<string> {
  const [program = ""] = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  return basename(program) || (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim();
}

function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === "0A")
    .map((fields) => fields[9] ?? "");
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  // Other users' descriptors cannot be read, and processes come and go: both mean "not this one".
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
