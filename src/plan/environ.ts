import { SwapError } from "../error.ts";
import { bytesToText } from "./byte-text.ts";

/**
 * Environment variables by name, in their order. Values are text as `bytesToText` makes it: any bytes but NUL, and
 * exactly those again from `textToBytes`.
 */
export type Environment = ReadonlyMap<string, string>;

/** More than Linux lets a program start with (a quarter of an 8 MiB stack; execve(2)). */
const longestBlock = 4 * 2 ** 20;

/**
 * Reads NUL-separated NAME=VALUE entries, the form of /proc/PID/environ and of the agent's environment stream. The first
 * of two entries of one name counts, as for getenv(3); an entry without a name is left out, as nothing could ask for it.
 *
 * @throws SwapError agent for a block longer than any program's
 */
export function parseEnvironBlock(bytes: Uint8Array): Environment {
  if (bytes.length > longestBlock) {
    throw new SwapError("agent", `the container's environment of ${bytes.length} bytes is longer than Linux allows`);
  }
  const environment = new Map<string, string>();
  for (let start = 0; start < bytes.length;) {
    const nul = bytes.indexOf(0, start);
    const end = nul === -1 ? bytes.length : nul;
    const entry = bytesToText(bytes.subarray(start, end));
    const equals = entry.indexOf("=");
    const name = entry.slice(0, Math.max(0, equals));
    if (name !== "" && !environment.has(name)) environment.set(name, entry.slice(equals + 1));
    start = end + 1;
  }
  return environment;
}
