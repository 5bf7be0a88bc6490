import { readFileSync } from "node:fs";
import { resolve } from "node:path";

/**
 * How this program was started, up to its own file, so that it can be started again. Under the launcher that is the
 * loader with its options, then node with its own: `process.execPath` alone would be the loader.
 */
export function ownCommand(
  cmdline: Buffer = readFileSync("/proc/self/cmdline"),
  program: string = process.argv[1] ?? "",
): { argv0: string; args: string[] } {
  const words = cmdline.toString("utf8").split("\0");
  const at = words.findIndex((word, index) => index > 0 && resolve(word) === program);
  if (at < 0) throw new Error(`${program} is not in the command line`);
  return { argv0: words[0]!, args: words.slice(1, at + 1) };
}
