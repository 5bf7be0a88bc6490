import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { relay } from "../../src/relay.ts";
import { RelaySocket } from "../../src/relay-socket.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { log } from "../last-words.ts";
import { ownCommand } from "./own-command.ts";
import { firstFd } from "./serve.ts";

/** Streams that one process serves in its life. */
const slots = 8;
/** Letters of what it says at once that are passed on. */
const maxWords = 2_000;
/** How long it may take to end after its last stream, in ms: longer when a volume does not answer. */
const endMs = 2_000;

/**
 * A process of the same program that serves SFTP, so that a volume that hangs stops neither the agent's traffic nor its
 * exit (which would wait for a hanging thread). It is there for as long as it has streams.
 */
export class SftpProcess {
  readonly #child: ChildProcess;
  readonly #free: Socket[];
  #streams = 0;
  #ended = false;

  /** `onExit` is called once, also when it could not be started. */
  constructor(onExit: () => void) {
    const { argv0, args } = ownCommand();
    const pipes = Array.from({ length: slots }, () => "pipe" as const);
    this.#child = spawn(process.execPath, [...args, "sftp", `${slots}`], {
      argv0,
      // The container's environment could change how Node runs, and is nothing to a file server.
      env: {},
      cwd: "/",
      // Not our own stderr: one that hangs would hold it open after our exit.
      stdio: ["ignore", "ignore", "pipe", ...pipes],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (words: string) => log(words.trimEnd().slice(0, maxWords)));
    this.#free = this.#child.stdio.slice(firstFd) as Socket[];
    for (const socket of this.#free) socket.on("error", (error) => log(`SFTP process: ${error.message}`));
    const exited = (how: string): void => {
      if (!this.#ended) log(`SFTP process: ${how}`);
      this.#ended = true;
      onExit();
    };
    this.#child.once("error", (error) => exited(error.message));
    this.#child.once("exit", (status, signal) => exited(`ended with ${signal ?? status}`));
  }

  /** Whether it takes another stream. */
  get hasRoom(): boolean {
    return !this.#ended && this.#free.length > 0;
  }

  serve(stream: MuxStream): void {
    const socket = this.#free.shift();
    if (socket === undefined) throw new Error("the process has no room");
    this.#streams += 1;
    const connection = RelaySocket.adopt(socket);
    // The process never ends first, unless it dies or cannot read what it was sent.
    connection.socket.once("end", () => {
      if (!connection.socket.writableEnded) stream.reset(resetCode.connectionReset);
    });
    relay(connection, stream, () => {
      this.#streams -= 1;
      if (this.#streams === 0) this.#end();
    });
  }

  #end(): void {
    this.#ended = true;
    for (const socket of this.#free.splice(0)) socket.destroy();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), endMs);
    this.#child.once("exit", () => clearTimeout(timer));
  }
}
