import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { ensureBinaries } from "../../cli/lab/build.ts";
import { groupFolders, groupProcesses, hostHierarchies } from "../../cli/lab/cgroup.ts";
import type { Lab, LabDependencies } from "../../cli/lab/lab.ts";
import { labStatus } from "../../cli/lab/labs.ts";
import { stateRoot } from "../../cli/lab/paths.ts";

const execute = promisify(execFile);
let program = "";

/** A world without a terminal. */
export const dependencies: LabDependencies = {
  env: process.env,
  signal: new AbortController().signal,
  progress: {
    step: (_title, work) => work(() => undefined),
    say: () => undefined,
    warn: () => undefined,
    detail: () => undefined,
  },
};

/** Builds what is missing; to be called before anything else here. */
export async function prepare(): Promise<void> {
  program = join((await ensureBinaries(dependencies)).bin, "kubectl");
}

/** What the lab's own kubectl prints, trimmed. */
export async function kubectl(of: Lab, ...args: string[]): Promise<string> {
  const { stdout } = await execute(program, [`--kubeconfig=${of.kubeconfigPath}`, ...args]);
  return stdout.trim();
}

/** Runs a pod of busybox on a node of the lab until it is Ready. */
export async function startPod(of: Lab, name: string, spec: object = {}, container: object = {}): Promise<void> {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "main",
          image: "swap.dev/busybox:1",
          command: ["sleep", "infinity"],
          imagePullPolicy: "Never",
          ...container,
        },
      ],
      ...spec,
    },
  };
  await apply(of, pod);
  await kubectl(of, "wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
}

/** Applies objects as the administrator. */
export async function apply(of: Lab, ...objects: object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  const running = execute(program, [`--kubeconfig=${of.kubeconfigPath}`, "apply", "-f", "-"]);
  running.child.stdin?.end(list);
  await running;
}

/** Everything on this machine that could be of a lab. */
export async function traces(name: string): Promise<Record<string, unknown>> {
  const folders = groupFolders(await hostHierarchies(), name);
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  const links = JSON.parse((await execute("ip", ["-json", "link"])).stdout) as { ifname: string }[];
  return {
    processes: await groupProcesses(folders),
    named: await processesNaming(name),
    cgroups: folders.filter((folder) => existsSync(folder)),
    state: (await readdir(stateRoot)).filter((entry) => entry.includes(name)),
    mounts: mounts.split("\n").filter((line) => line.includes(name)),
    links: links.map(({ ifname }) => ifname).filter((link) => /veth|cni|node\d/.test(link)),
  };
}

/** What a lab that was removed leaves. */
export const nothing = { processes: [], named: [], cgroups: [], state: [], mounts: [], links: [] };

/** Processes other than this one and its parents whose command line names the lab. */
async function processesNaming(name: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(`${stateRoot}/${name}`)) found.push(`${pid} ${line.replaceAll("\0", " ")}`);
  }
  return found;
}

/** Gets a path from port 80 of a pod by way of `kubectl port-forward`. */
export async function throughPortForward(of: Lab, pod: string, path: string): Promise<string> {
  const args = [`--kubeconfig=${of.kubeconfigPath}`, "port-forward", `pod/${pod}`, ":80"];
  const forwarding = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(forwarding.stdout.setEncoding("utf8"), "data")) as [string];
    const port = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    return await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  } finally {
    forwarding.kill();
    await once(forwarding, "close");
  }
}

/** Looks until it is so, which must be within the time. */
export async function until(what: string, look: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** The host's id of a component's process on the first node. */
export async function pidOf(name: string, component: string): Promise<number> {
  const init = (await labStatus({ name }, dependencies))?.nodes[0]?.pid;
  for (const pid of await groupProcesses(groupFolders(await hostHierarchies(), name, "1"))) {
    const [line, stat] = await Promise.all(
      ["cmdline", "stat"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
    );
    const parent = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (
      parent === init &&
      line
        ?.split("\0")
        .slice(0, 2)
        .some((word) => basename(word) === component) === true
    )
      return pid;
  }
  throw new Error(`no process ${component}`);
}
