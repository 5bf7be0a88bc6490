import { spawn } from "node:child_process";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";
import { groupFolders, groupProcesses, removeGroups, type Hierarchy } from "./cgroup.ts";
import { orMissing } from "./missing.ts";
import type { NodePlan } from "./node-plan.ts";
import type { NodePaths } from "./paths.ts";

/** How long processes may take to vanish after SIGKILL, milliseconds. Exits that unmount may be slow on a busy disk. */
const deathMs = 20_000;

/** Writes a node's files and makes the folders that its container is mounted from. */
export async function writeNode(paths: NodePaths, files: Record<string, string>): Promise<void> {
  const varFolders = ["lib/kubelet", "lib/containerd", "log/cube", "log/pods", "log/containers"];
  const folders = [paths.root, paths.etc, ...varFolders.map((path) => join(paths.var, path))];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await mkdir(join(paths.var, "lib/etcd"), { recursive: true, mode: 0o700 });
  for (const [path, content] of Object.entries(files)) {
    const file = join(paths.etc, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: path.startsWith("kubernetes/") ? 0o600 : 0o644 });
  }
}

/**
 * Makes the node's container and starts its PID 1.
 *
 * @returns the host's id of PID 1, which lives on after this process
 * @throws SwapError `lab` with what node-init said, in which case nothing of the container is left
 */
export async function startContainer(plan: NodePlan, paths: NodePaths, init: string, path: string): Promise<number> {
  await writeFile(paths.plan, JSON.stringify(plan, null, 2), { mode: 0o600 });
  await using log = await open(paths.initLog, "w", 0o600);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(init, [paths.plan], {
    detached: true, // no terminal's Ctrl-C may reach the node
    stdio: ["ignore", "pipe", log.fd],
    env: { PATH: path },
    cwd: "/",
  });
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.once("error", reject);
  child.once("close", (status) => (status === 0 ? resolve(said) : reject(new Error(`exit status ${status}`))));
  try {
    const answer: unknown = JSON.parse(await promise);
    const pid: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "pid") : undefined;
    if (typeof pid === "number") return pid;
    throw new Error(`node-init said ${said}`);
  } catch (cause) {
    const reason = (await readFile(paths.initLog, "utf8")).trim().split("\n").at(-1) ?? "";
    if (plan.listen !== "" && reason.includes("address already in use")) {
      const port = plan.listen.split(":").at(-1);
      throw new SwapError("conflict", `Port ${port} of the loopback, the lab's for the API server, is taken.`, {
        hint: `See by whom: ss -ltnp sport = :${port}. A new lab can have another: --api-port`,
        cause,
      });
    }
    throw new SwapError("lab", `Node ${plan.hostname} could not be started: ${reason}`, { cause });
  }
}

/**
 * The host's id of a node's PID 1, when it lives. Found through the node's cgroup: no file could say so safely after a
 * kill -9 at the wrong moment.
 */
export async function findInit(all: readonly Hierarchy[], lab: string, node: string): Promise<number | undefined> {
  for (const pid of await groupProcesses(groupFolders(all, lab, node).slice(0, 1))) {
    const status = await readStatus(pid);
    // Two levels: the host's, and the node's where it is the first. A pod's own first process has three.
    const ids = /^NSpid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    if (ids.length === 2 && ids[1] === "1" && !/^State:\s+Z/m.test(status)) return pid;
  }
  return undefined;
}

/** Kills every process of these cgroups and waits until they are gone. */
export async function killGroups(folders: readonly string[]): Promise<void> {
  const deadline = Date.now() + deathMs;
  for (;;) {
    const pids = (await groupProcesses(folders)).filter((pid) => pid !== process.pid);
    if (pids.length === 0) return;
    if (Date.now() > deadline) {
      throw new SwapError("lab", `Processes ${pids.join(", ")} do not end.`, {
        hint: "They wait for the kernel, most likely for a disk. Try again later.",
      });
    }
    for (const pid of pids) kill(pid);
    await sleep(5);
  }
}

/** Ends a lab or a node of it: its processes, and with them its namespaces and mounts; then its cgroups. */
export async function destroyContainers(all: readonly Hierarchy[], lab: string, ...node: string[]): Promise<void> {
  const folders = groupFolders(all, lab, ...node);
  await killGroups(folders);
  await removeGroups(folders);
}

async function readStatus(pid: number): Promise<string> {
  return (await orMissing(readFile(`/proc/${pid}/status`, "utf8").catch(unlessDead))) ?? "";
}

/** A process that ends while its file is read. */
function unlessDead(error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "ESRCH") return "";
  throw error;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
