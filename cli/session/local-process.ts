import { spawn, type StdioOptions } from "node:child_process";
import { accessSync, constants as fsConstants, existsSync, statSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, isAbsolute, resolve, sep } from "node:path";
import { SwapError } from "../../src/error.ts";

/**
 * Finds the program as execvp(3) does, so that a mistyped command is told before anything changes in the cluster.
 * @returns an absolute path.
 * @throws SwapError command-not-found or command-not-runnable.
 */
export function findProgram(program: string, path: string, cwd: string): string {
  const candidates = program.includes(sep)
    ? [isAbsolute(program) ? program : resolve(cwd, program)]
    : path.split(delimiter).map((folder) => resolve(cwd, folder || ".", program));
  const present = candidates.filter((candidate) => existsSync(candidate) && !statSync(candidate).isDirectory());
  const runnable = present.find(isExecutable);
  if (runnable !== undefined) return runnable;
  if (present[0] !== undefined) {
    throw new SwapError("command-not-runnable", `${present[0]} is not executable`, { hint: `chmod +x ${present[0]}` });
  }
  throw new SwapError("command-not-found", `command "${program}" was not found`, {
    hint: program.includes(sep) ? "check the path" : "check the spelling, or give the program's path",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, fsConstants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The developer's program while it runs. */
export interface LocalProcess {
  readonly pid: number;
  /** Its exit status: its own, or 128 + n when signal n ended it. */
  readonly exited: Promise<number>;
  readonly running: boolean;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts the developer's program in our own process group, so that the terminal's Ctrl-C and Ctrl-Z reach it as they
 * would from a shell.
 * @throws SwapError command-not-runnable when the kernel refuses to run it.
 */
export async function startLocalProcess(
  program: string,
  args: readonly string[],
  options: { env: Record<string, string>; cwd: string; stdio: StdioOptions },
): Promise<LocalProcess> {
  const child = spawn(program, args, options);
  const { promise: exited, resolve: onExit } = Promise.withResolvers<number>();
  child.once("exit", (code, signal) => onExit(code ?? 128 + osConstants.signals[signal ?? "SIGKILL"]));
  await new Promise<void>((started, failed) => {
    child.once("spawn", started);
    child.once("error", (cause) =>
      failed(
        new SwapError("command-not-runnable", `${program} cannot be run: ${cause.message}`, {
          hint: "run it by hand to see why",
          cause,
        }),
      ),
    );
  });
  return {
    pid: child.pid ?? -1,
    exited,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    kill: (signal) => void child.kill(signal),
  };
}
