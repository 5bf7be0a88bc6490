import yargs from "yargs";
import { SwapError, toSwapError } from "../src/error.ts";
import { version } from "../src/version.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { envCommand } from "./commands/env.ts";
import { labCommand } from "./commands/lab.ts";
import { restoreCommand } from "./commands/restore.ts";
import { runCommand, shellCommand } from "./commands/run-command.ts";
import { statusCommand } from "./commands/status.ts";
import { swapCommand } from "./commands/swap.ts";
import type { CommandContext } from "./commands/context.ts";
import type { Io } from "./io.ts";
import { jsonProgress } from "./progress-json.ts";
import { linesProgress } from "./progress-lines.ts";
import type { Progress } from "./progress.ts";
import { LocalProcessEnded } from "./session/local-process-ended.ts";

/** The whole program but for the process's exit. @returns the exit status; every failure has been told on stderr. */
export async function run(io: Io, argv: readonly string[]): Promise<number> {
  const talk = readTalk(io, argv);
  let status = 0;
  const context: CommandContext = { io, progress: talk.progress, exit: (code) => (status = code) };
  try {
    await parser(context, argv).parseAsync();
    return status;
  } catch (thrown) {
    if (thrown instanceof LocalProcessEnded) {
      talk.progress.warn(thrown.message);
      return thrown.status;
    }
    const error = toSwapError(thrown);
    talk.fail(error);
    return error.exitStatus;
  }
}

function parser(context: CommandContext, argv: readonly string[]) {
  const { io } = context;
  return yargs([...argv])
    .scriptName("swap")
    .usage("$0 TARGET [flags] -- COMMAND...\n$0 COMMAND")
    .parserConfiguration({
      "populate--": true,
      "boolean-negation": false,
      "greedy-arrays": false,
    })
    .middleware(keepLast, true)
    .command(swapCommand(context))
    .command(restoreCommand(context))
    .command(statusCommand(context))
    .command(envCommand(context))
    .command(runCommand(context))
    .command(shellCommand(context))
    .command(doctorCommand(context))
    .command(labCommand(context))
    .completion("completion", "print a completion script for bash or zsh")
    .option("quiet", { alias: "q", type: "boolean", global: true, describe: "warnings and errors only" })
    .option("verbose", { alias: "v", type: "boolean", global: true, describe: "say more, and show causes of errors" })
    .alias("h", "help")
    .version(version)
    .epilogue(
      "Exit status: the command's own; 125 swap failed, 126/127 the command cannot run or does not exist, 130 interrupted.",
    )
    .strict()
    .exitProcess(false)
    .wrap(io.stdout.isTTY ? Math.min(120, io.stdout.columns) : 100)
    .fail((message, error) => {
      // yargs throws some of its complaints about the command line, as YError, and only tells others.
      if (error && error.name !== "YError") throw error;
      throw new SwapError("usage", message.trim().replace(/\s*\n\s*/g, " ") || "bad command line", {
        hint: "`swap --help` shows what there is",
      });
    });
}

/** Flags that may be repeated, by each of their names. Any other counts as said last, as kubectl's do. */
const repeatable = new Set(["_", "--", "p", "port", "env", "as-group", "asGroup", "image", "tar"]);

function keepLast(args: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(args)) {
    if (Array.isArray(value) && !repeatable.has(name)) args[name] = (value as unknown[]).at(-1);
  }
}

interface Talk {
  readonly progress: Progress;
  readonly fail: (error: SwapError) => void;
}

/** How to talk is needed before yargs has read the line: its own errors are told the same way. */
function readTalk(io: Io, argv: readonly string[]): Talk {
  const end = argv.indexOf("--");
  const own = end === -1 ? argv : argv.slice(0, end);
  const has = (...names: string[]): boolean => own.some((arg) => names.includes(arg));
  const verbose = has("-v", "--verbose");
  const json =
    has("-ojson", "--output=json", "-o=json") ||
    own.some((arg, i) => (arg === "-o" || arg === "--output") && own[i + 1] === "json");
  if (json) {
    const fail = ({ code, message, hint, exitStatus }: SwapError): void => {
      io.stderr.write(
        `${JSON.stringify({ time: new Date().toISOString(), event: "error", code, message, hint, exitStatus })}\n`,
      );
    };
    return { progress: jsonProgress(io.stderr, verbose), fail };
  }
  const color = io.stderr.isTTY && !io.env["NO_COLOR"];
  const progress = linesProgress({ out: io.stderr, quiet: has("-q", "--quiet"), verbose, color });
  return { progress, fail: (error) => io.stderr.write(formatError(error, verbose)) };
}

/** One line what, one line what to do; a bug of ours shows where it is. */
function formatError(error: SwapError, verbose: boolean): string {
  const lines = [`swap: ${error.message}`];
  if (error.hint) lines.push(`  → ${error.hint}`);
  if (error.code === "bug")
    lines.push(
      String((error.cause as Error | undefined)?.stack ?? error.stack),
      "  this is a bug in swap: please report it",
    );
  else if (verbose && error.cause)
    lines.push(`  cause: ${error.cause instanceof Error ? (error.cause.stack ?? "") : JSON.stringify(error.cause)}`);
  return `${lines.join("\n")}\n`;
}
