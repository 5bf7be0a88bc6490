import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SwapError } from "../../src/error.ts";

const execute = promisify(execFile);

// Freestanding and without build id: the same source gives the same bytes, and nothing of the host's C library gets in.
const flags = `
  -Os -s -std=c11 -Wall -Wextra -Werror -nostdlib -static -ffreestanding -fno-pie -no-pie -fno-stack-protector
  -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-ident
  -Wl,-n,--build-id=none,-z,noseparate-code`
  .trim()
  .split(/\s+/);

/**
 * Compiles one C file without a C library (agent/launcher/syscall.h) into a static program.
 *
 * @throws SwapError `lab` when there is no compiler or the source has a mistake
 */
export async function compileFreestanding(source: string, output: string, compiler = "gcc"): Promise<void> {
  try {
    await execute(compiler, [...flags, source, "-o", output]);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new SwapError("lab", missing ? `${compiler} is not installed.` : `${compiler} could not compile ${source}.`, {
      hint: missing ? "Install it: apt-get install gcc libc6-dev binutils" : "Its messages are shown with -v.",
      cause,
    });
  }
}
