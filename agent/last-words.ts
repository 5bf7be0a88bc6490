import { writeFileSync, writeSync } from "node:fs";

/** Where the kubelet reads a container's termination message, unless the pod says otherwise. */
const terminationLog = "/dev/termination-log";

/** Says why the agent leaves: in its log, and in the pod's status. */
export function sayLastWords(words: string, path: string = terminationLog): void {
  log(words);
  try {
    // No new file: where the kubelet mounted none, nobody would read it.
    writeFileSync(path, `${words}\n`, { flag: "r+" });
  } catch (error) {
    log(`no termination message: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One line of the agent's log; never anything of the container's environment. */
export function log(line: string): void {
  try {
    writeSync(2, `swap agent: ${line}\n`);
  } catch (error) {
    // A log that cannot be written (EAGAIN, EPIPE) must not stop the traffic; there is nowhere to say so but here.
    process.exitCode ??= error instanceof Error ? 0 : 1;
  }
}
