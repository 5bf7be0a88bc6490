import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** How long a disposed command may take to end by itself, in ms: a swap restores then. */
const politeMs = 20_000;

/** A program that runs until it is told to end, and what it has said so far. */
export class RunningCommand implements AsyncDisposable {
  readonly startedAt = performance.now();
  readonly #name: string;
  readonly #child: ChildProcess;
  #said = "";

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#name = [command, ...args].join(" ");
    this.#child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      output?.setEncoding("utf8").on("data", (text: string) => {
        this.#said += text;
        this.#child.emit("said");
      });
    }
    this.#child.once("exit", () => this.#child.emit("said"));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it has said that. @throws when it ends before, or says nothing of the kind in time. */
  async says(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const signal = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const found = this.#said.match(pattern);
      if (found) return found;
      if (!this.running) throw new Error(`${this.#name} ended without saying ${pattern}:\n${this.#said}`);
      await once(this.#child, "said", { signal }).catch((cause: unknown) => {
        throw new Error(`${this.#name} did not say ${pattern}:\n${this.#said}`, { cause });
      });
    }
  }

  /** Sends SIGINT, as Ctrl-C does, and waits for the end. */
  async interrupt(): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGINT");
    const late = new AbortController();
    const kill = delay(politeMs, undefined, { signal: late.signal }).then(
      () => this.#child.kill("SIGKILL"),
      () => false,
    );
    await exited;
    late.abort();
    await kill;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.interrupt();
  }
}
