import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { relay } from "../../../src/relay.ts";
import { RelaySocket } from "../../../src/relay-socket.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";

/** Whether this user can mount here. */
export const canMount = existsSync("/dev/fuse") && spawnSync("sshfs", ["--version"]).error === undefined;

/** A folder of the stream's SFTP server, mounted by sshfs until the guard goes. */
export class Mount implements AsyncDisposable {
  readonly path: string;
  readonly #sshfs: ChildProcess;

  private constructor(sshfs: ChildProcess, path: string) {
    this.#sshfs = sshfs;
    this.path = path;
  }

  static async of(stream: MuxStream, folder: string, options: readonly string[] = []): Promise<Mount> {
    const path = mkdtempSync(join(tmpdir(), "swap-mount-"));
    const all = ["-f", "-o", ["passive", ...options].join(",")];
    // One socket is both its input and its output.
    const sshfs = spawn("sh", ["-c", 'exec sshfs "$@" >&0', "sh", ...all, `:${folder}`, path], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    relay(RelaySocket.adopt(sshfs.stdin as Socket), stream);
    // A stat of the folder, if synchronous, would wait for ourselves.
    while (!readFileSync("/proc/self/mounts", "utf8").includes(` ${path} fuse.sshfs `)) {
      if (sshfs.exitCode !== null) throw new Error("sshfs did not mount");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return new Mount(sshfs, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = this.#sshfs.exitCode === null ? once(this.#sshfs, "exit") : undefined;
    await once(spawn("fusermount3", ["-u", "-z", this.path]), "exit");
    await gone;
    rmSync(this.path, { recursive: true });
  }
}
