import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { surroundings } from "./surroundings.ts";

export interface SwapOptions {
  readonly cwd?: string;
  /** Over the ordinary environment of the tester. */
  readonly env?: Readonly<Record<string, string>>;
  /** The tester's copy of the administrator's, if left out. */
  readonly kubeconfig?: string;
  /** Root instead of the ordinary user. */
  readonly asRoot?: boolean;
  /** Another HOME: another machine, as far as the command can tell. */
  readonly home?: string;
}

/** How the command ended. */
export interface Exit {
  /** Exit status as a shell tells it: 128 + n for signal n. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a disposed command has to restore before it is killed. */
const politeMs = 20_000;

/** The real command, run by the ordinary user, with its local process in a process group of their own. */
export class SwapProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  /** Resolves when the command itself has ended; its local process may live on after a kill -9. */
  readonly exited: Promise<Exit>;
  readonly startedAt = performance.now();
  #stdout = "";
  #stderr = "";
  readonly #listeners = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.child = child;
    const { promise, resolve } = Promise.withResolvers<Exit>();
    this.exited = promise;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stdout += text)));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#heard(() => (this.#stderr += text)));
    child.once("error", (error) => this.#heard(() => (this.#stderr += String(error))));
    child.once("exit", (code, signal) => {
      // "close" would wait for a local process that has outlived the command and holds the pipes.
      const ended = (): void => {
        resolve({ status: code ?? 128 + signalNumber(signal), stdout: this.#stdout, stderr: this.#stderr });
        this.#heard(() => undefined);
      };
      if (signal === "SIGKILL") setImmediate(ended);
      else child.once("close", ended);
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Both streams, for messages. */
  get output(): string {
    return `--- stdout\n${this.#stdout}\n--- stderr\n${this.#stderr}`;
  }

  /** Waits until stdout or stderr matches. @throws when the command ends or the time is over before that. */
  async says(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.#stderr.match(pattern) ?? this.#stdout.match(pattern);
      if (found) return found;
      if (!this.running) throw new Error(`swap ended without saying ${pattern}\n${this.output}`);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`swap did not say ${pattern} within ${timeoutMs} ms\n${this.output}`);
      await this.#something(left);
    }
  }

  /** Waits until the workload is swapped. */
  async swapped(timeoutMs = 60_000): Promise<this> {
    await this.says(/is swapped: requests to it are answered here/, timeoutMs);
    return this;
  }

  /** A signal for the command alone, not for its local process. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits for the end. @throws when the time is over before that. */
  async ended(timeoutMs = 60_000): Promise<Exit> {
    const late = new AbortController();
    const tooLong = delay(timeoutMs, undefined, { signal: late.signal }).then(() => {
      throw new Error(`swap did not end within ${timeoutMs} ms\n${this.output}`);
    });
    try {
      return await Promise.race([this.exited, tooLong]);
    } finally {
      late.abort();
      await tooLong.catch((error: unknown) => {
        if (!late.signal.aborted) throw error;
      });
    }
  }

  /** Lets it restore, then kills whatever is left of its process group. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      this.kill("SIGTERM");
      await Promise.race([this.exited, delay(politeMs, undefined, { ref: false })]);
    }
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
  }

  #heard(change: () => void): void {
    change();
    for (const listener of this.#listeners) listener();
  }

  async #something(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#listeners.add(resolve);
    await promise;
    this.#listeners.delete(resolve);
    clearTimeout(timer);
  }
}

/** Starts `swap ARGS…`: `await using swap = await startSwap(["deploy/api", "-n", ns.name, "--", "node", "app.js"])`. */
export function startSwap(args: readonly string[], options: SwapOptions = {}): Promise<SwapProcess> {
  const { tester, kubeconfig } = surroundings();
  const { folder, uid, gid, home } = tester;
  const { asRoot = false } = options;
  const env = {
    PATH: `${folder}/bin:/usr/local/bin:/usr/bin:/bin`,
    HOME: options.home ?? (asRoot ? "/root" : home),
    USER: asRoot ? "root" : tester.name,
    LANG: "C.UTF-8",
    KUBECONFIG: options.kubeconfig ?? (asRoot ? kubeconfig : tester.kubeconfig),
    ...options.env,
  };
  const child = spawn(join(folder, "bin/node"), [join(folder, "dist/swap.js"), ...args], {
    cwd: options.cwd ?? folder,
    env,
    stdio: "pipe",
    detached: true,
    ...(asRoot ? {} : { uid, gid }),
  });
  return Promise.resolve(new SwapProcess(child));
}

/** Runs the command to its end: `await runSwap(["restore", "-n", ns.name])`. */
export async function runSwap(
  args: readonly string[],
  options: SwapOptions & { readonly timeoutMs?: number } = {},
): Promise<Exit> {
  await using swap = await startSwap(args, options);
  return await swap.ended(options.timeoutMs);
}

/**
 * Swaps a target with the echo app as its local process, on a free local port.
 * @param flags of the command, `-n` among them
 */
export async function startEcho(
  target: string,
  flags: readonly string[],
  options: SwapOptions = {},
): Promise<SwapProcess> {
  const port = await freePort();
  const app = join(surroundings().tester.folder, "apps/echo.mjs");
  const args = [target, ...flags, "-p", `${port}:8080`, "--env", `LOCAL_PORT=${port}`, "--", "node", app];
  return await startSwap(args, options);
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGHUP: 1 }[signal as string] ?? 0;
}
