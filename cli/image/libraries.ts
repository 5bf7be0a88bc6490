import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SwapError } from "../../src/error.ts";

const execute = promisify(execFile);

/** What a dynamically linked program needs on this machine, by the paths where its loader looks for it. */
export interface Libraries {
  /** The dynamic loader (PT_INTERP), absolute. */
  readonly loader: string;
  /** The shared libraries, absolute and each once. */
  readonly libraries: readonly string[];
}

/**
 * Asks ldd(1), which runs the program's loader: only for programs that are trusted.
 *
 * @throws SwapError `lab` when the program is static, not for this machine, or a library is missing
 */
export async function librariesOf(...programs: readonly string[]): Promise<Libraries> {
  const { stdout } = await execute("ldd", programs, { env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } }).catch(
    (cause: unknown) => {
      throw new SwapError("lab", `ldd cannot name the libraries of ${programs.join(" and ")}.`, { cause });
    },
  );
  return parse(stdout, programs);
}

function parse(output: string, programs: readonly string[]): Libraries {
  const missing = /(\S+) => not found/.exec(output)?.[1];
  if (missing !== undefined)
    throw new SwapError("lab", `${programs.join(" and ")} needs ${missing}, which is not installed.`);
  const libraries = Array.from(output.matchAll(/ => (\/\S+) \(0x/g), (match) => match[1] ?? "");
  const loader = /^\s+(\/\S+) \(0x/m.exec(output)?.[1];
  if (loader === undefined) throw new SwapError("lab", `${programs.join(" and ")} has no dynamic loader.`);
  return { loader, libraries: [...new Set(libraries)].sort() };
}
