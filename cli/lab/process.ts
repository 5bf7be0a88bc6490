import { spawn } from "node:child_process";
import { SwapError } from "../../src/error.ts";

/** What a program said before it ended well. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** Enough for any message; a program that says more has the end of it kept. Characters. */
const longestOutput = 256 * 1024;

/** How to run a program. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Given to the program's stdin, which is empty otherwise. */
  readonly input?: string;
  /** Hears each piece of stderr as it comes. */
  readonly onStderr?: (text: string) => void;
}

/** Runs a program to its end. @throws SwapError `lab` with the last of its stderr when it fails */
export function runProgram(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [program = "", ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<Output>();
  const { cwd, env, signal } = options;
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(signal === undefined ? {} : { signal }),
    stdio: ["pipe", "pipe", "pipe"],
  });
  // A program that ends without reading its input says more by its exit status.
  child.stdin.on("error", () => undefined).end(options.input);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout = (stdout + text).slice(-longestOutput)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-longestOutput);
    options.onStderr?.(text);
  });
  child.once("error", (cause) => {
    if (signal?.aborted) reject(new SwapError("interrupted", `${program} was interrupted.`, { cause }));
    else reject(new SwapError("lab", `${program} cannot be run.`, { cause }));
  });
  child.once("close", (status, killedBy) => {
    if (status === 0) resolve({ stdout, stderr });
    else {
      const last = stderr.trim().split("\n").slice(-3).join("; ");
      const how = killedBy === null ? `exit status ${status}` : killedBy;
      reject(new SwapError("lab", `${args.length > 0 ? `${program} ${args[0]}` : program} failed: ${last || how}`));
    }
  });
  return promise;
}
