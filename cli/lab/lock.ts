import { mkdir, open, readFile, rm } from "node:fs/promises";
import { SwapError } from "../../src/error.ts";
import { isMissing, orMissing } from "./missing.ts";

/**
 * Takes the lock file at `path` for this process. A lock whose holder has died is taken over; pids are told apart from
 * their reuse by the time the process started.
 *
 * @throws SwapError `conflict` when another living process holds it
 */
export async function lock(path: string, what: string): Promise<AsyncDisposable> {
  const mine = `${process.pid} ${await startTime(process.pid)}`;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (await create(path, mine)) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    const holder = (await orMissing(readFile(path, "utf8"))) ?? "";
    const [pid = "", started = ""] = holder.split(" ");
    if (started !== "" && (await startTime(Number(pid))) === started) {
      throw new SwapError("conflict", `Process ${pid} is working on ${what}.`, { hint: "Wait for it, or end it." });
    }
    await rm(path, { force: true });
  }
  throw new SwapError("conflict", `${what} is being worked on by others.`, { hint: "Try again." });
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await using file = await open(path, "wx", 0o600);
    await file.writeFile(content);
    return true;
  } catch (error) {
    if (isMissing(error)) {
      await mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
      return create(path, content);
    }
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** When the process started, in clock ticks since boot (proc_pid_stat(5), field 22); `undefined` when it is gone. */
export async function startTime(pid: number): Promise<string | undefined> {
  const stat = await orMissing(readFile(`/proc/${pid}/stat`, "utf8"));
  // The second field is the program's name in parentheses and may hold anything.
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
}
