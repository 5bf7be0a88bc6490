import type { ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { rootPath, type FilesPlan } from "../plan-files.ts";
import { startSshfs } from "../sshfs.ts";
import { mount, mountFlag, setBlocking, unmount } from "./libc.ts";
import { descriptorOf } from "./node-internals.ts";

/** The pod's files: one file system of the container's root, and each volume of it bound to its own path. */
export class Volumes {
  readonly #plan: FilesPlan;
  /** Tells of a program that this process waits for. */
  readonly #onChild: (child: ChildProcess) => void;
  #shown: string[] = [];

  constructor(plan: FilesPlan, onChild: (child: ChildProcess) => void) {
    this.#plan = plan;
    this.#onChild = onChild;
  }

  /**
   * Shows the files that are served on this socket, in place of what was shown before. @throws SystemError
   * @param channel a descriptor, which is closed here.
   */
  show(channel: number): void {
    this.#show(channel);
    closeSync(channel);
  }

  /** The same, on a socket that came later. @throws SystemError */
  showOn(socket: Socket): void {
    const channel = descriptorOf(socket);
    // sshfs reads from what Node has made non-blocking.
    setBlocking(channel);
    this.#show(channel);
    socket.destroy();
  }

  #show(channel: number): void {
    for (const path of this.#shown.toReversed()) unmount(path);
    this.#shown = [];
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    const device = openSync("/dev/fuse", "r+");
    const options = `fd=${device},rootmode=40000,user_id=${uid},group_id=${gid},allow_other`;
    this.#mount(() => mount("swap", rootPath, "fuse.sshfs", mountFlag.noSuid | mountFlag.noDev, options), rootPath);
    const child = startSshfs({ device, channel, remote: "/", uid, gid });
    // Its end is no event of ours: whoever serves the files hears of it.
    child.on("error", (error) => process.stderr.write(`swap: sshfs: ${error.message}\n`));
    this.#onChild(child);
    closeSync(device);
    for (const { remote, path, readOnly } of this.#plan.volumes) {
      this.#mount(() => mount(join(rootPath, remote), path, null, mountFlag.bind), path);
      if (readOnly) {
        const flags = mountFlag.bind | mountFlag.remount | mountFlag.readOnly | mountFlag.noSuid | mountFlag.noDev;
        mount("none", path, null, flags);
      }
    }
  }

  #mount(run: () => void, path: string): void {
    run();
    this.#shown.push(path);
  }
}
