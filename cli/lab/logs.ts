import { open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";
import { requireRoot } from "./host.ts";
import { isMissing, orMissing } from "./missing.ts";
import { nodePaths } from "./paths.ts";

const chunkBytes = 64 * 1024;
const followEveryMs = 200;

/** Which log, and how. */
export interface LogRequest {
  readonly lab: string;
  readonly node: number;
  /** `kubelet`, `etcd`, … or `init` for the node's PID 1. */
  readonly component: string;
  /** Goes on with what is written later until the signal is aborted. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** The bytes of a component's log. @throws SwapError `not-found` that names the logs there are */
export async function* readLog(request: LogRequest): AsyncGenerator<Buffer> {
  await using file = await openLog(request);
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
    position += bytesRead;
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
    else if (!request.follow || request.signal.aborted) return;
    else await sleep(followEveryMs);
  }
}

async function openLog({ lab, node, component }: LogRequest): Promise<FileHandle> {
  requireRoot(process.getuid?.());
  const paths = nodePaths(lab, node);
  const names = ((await orMissing(readdir(paths.logs))) ?? []).map((name) => name.replace(/\.log$/, ""));
  const file = component === "init" ? paths.initLog : join(paths.logs, `${component}.log`);
  if (component === "init" || names.includes(component)) {
    try {
      return await open(file);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw new SwapError("not-found", `There is no log of ${component} on node ${node} of the lab ${lab}.`, {
    hint: names.length > 0 ? `There are: ${["init", ...names].join(", ")}` : "Is the lab up? swap lab status",
  });
}
