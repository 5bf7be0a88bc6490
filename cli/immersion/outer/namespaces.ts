import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import type { Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FromInner, ToInner } from "../messages.ts";

export type InnerHandle = Server | Socket | UdpSocket;

export interface NamespaceEars {
  onMessage(message: FromInner, handle: InnerHandle | undefined): void;
  /** The program inside is gone, and all that ran in there with it. */
  onGone(status: number | null, signal: NodeJS.Signals | null): void;
}

/** Node's IPC channel, and the files of the pod, beside the three streams of every program. */
export const filesDescriptor = 4;

/**
 * New namespaces with our program as their pid 1. Ordinary users get a user namespace, in which their own uid has every
 * capability (unshare(1)); root needs none. Whatever end this process comes to, the kernel kills all that is inside.
 */
export class Namespaces implements Disposable {
  readonly #child: ChildProcess;

  /** @param inner path of the bundled program for the inside. */
  constructor(inner: string, stdio: "inherit", ears: NamespaceEars) {
    const user = process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"];
    const spaces = ["--net", "--mount", "--propagation=slave", "--uts", "--pid", "--fork", "--kill-child=KILL"];
    const program = [process.execPath, "--max-semi-space-size=1", inner];
    const streams: StdioOptions = [stdio, stdio, stdio, "ipc", "pipe"];
    this.#child = spawn("setpriv", ["--pdeathsig", "KILL", "unshare", ...spaces, ...user, ...program], {
      stdio: streams,
      env: process.env,
    });
    this.#child.on("message", (message, handle) => ears.onMessage(message as FromInner, handle as InnerHandle));
    this.#child.once("error", () => ears.onGone(127, null));
    this.#child.once("exit", (status, signal) => ears.onGone(status, signal));
  }

  /** A process in the network namespace: its /proc/PID/net is readable for us. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Our end of the socket pair on which the pod's files are served. */
  get files(): Duplex {
    return this.#child.stdio[filesDescriptor] as Duplex;
  }

  /** Ignored when the inside is gone: `onGone` tells. */
  send(message: ToInner, handle?: Socket): void {
    if (this.#child.connected) this.#child.send(message, handle, () => undefined);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
