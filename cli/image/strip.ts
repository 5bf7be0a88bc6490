import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SwapError } from "../../src/error.ts";

const execute = promisify(execFile);

/**
 * A copy of the program without its symbols: 14% smaller in Node's case. Where binutils are not installed, the program
 * itself is returned.
 */
export async function stripped(program: string, output: string): Promise<string> {
  try {
    await execute("strip", ["-o", output, program]);
    return output;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return program;
    throw new SwapError("lab", `strip could not read ${program}.`, { cause });
  }
}
