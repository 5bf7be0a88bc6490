import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Background } from "./background.ts";
import { shellWords, type Narrator } from "./narrator.ts";

export interface ShellOptions {
  readonly narrator: Narrator;
  /** The checkout. */
  readonly root: string;
  /** What commands that are not on PATH are called by. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
  readonly env: NodeJS.ProcessEnv;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

export interface CommandOptions {
  /** Relative to the checkout. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Shows the command and what it says; true if left out. */
  readonly shown?: boolean;
  /** Does not end with the demo's signal: for clean-up. */
  readonly always?: boolean;
}

/** Runs commands as a person would type them, and shows them so. */
export class Shell {
  readonly #options: ShellOptions;

  constructor(options: ShellOptions) {
    this.#options = options;
  }

  /** Runs a command to its end. @returns its stdout. @throws Error when its exit status is not 0 */
  async run(words: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { narrator, signal } = this.#options;
    const { shown = true, always = false } = options;
    if (!always) signal.throwIfAborted();
    const child = this.#spawn(words, options);
    const stop = (): void => void child.kill("SIGTERM");
    if (!always) signal.addEventListener("abort", stop, { once: true });
    const stdout: string[] = [];
    const stderr: string[] = [];
    const hear = (lines: string[], stream: NodeJS.ReadableStream | null): void => {
      if (stream === null) return;
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        if (shown) narrator.output(line);
      });
    };
    hear(stdout, child.stdout);
    hear(stderr, child.stderr);
    const ended = Promise.withResolvers<number | null>();
    child.once("error", ended.reject);
    child.once("close", ended.resolve);
    const status = await ended.promise.finally(() => signal.removeEventListener("abort", stop));
    if (!always) signal.throwIfAborted();
    if (status !== 0) throw new Error(`\`${shellWords(words)}\` ended with ${status}: ${stderr.slice(-3).join(" ")}`);
    return stdout.join("\n");
  }

  /** Starts a command that goes on; what it says is shown behind its name. */
  start(words: readonly string[], name: string, options: CommandOptions = {}): Background {
    this.#options.signal.throwIfAborted();
    return new Background(this.#spawn(words, options), (line) => this.#options.narrator.output(line, name));
  }

  #spawn([command = "", ...args]: readonly string[], options: CommandOptions): ChildProcess {
    const { narrator, root, programs, env } = this.#options;
    const { shown = true, cwd = ".", env: more = {} } = options;
    const assignments = Object.entries(more).map(([name, value]) => `${name}=${value}`);
    if (shown) narrator.command([...assignments, shellWords([command, ...args])].join(" "));
    const [program = command, ...before] = programs[command] ?? [];
    // In a process group of its own: Ctrl-C is ours, and each child is told once.
    return spawn(program, [...before, ...args], {
      cwd: join(root, cwd),
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  }
}
