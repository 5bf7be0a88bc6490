import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";

/** A mounted cgroup hierarchy of the host. */
export interface Hierarchy {
  readonly mountPoint: string;
  readonly type: "cgroup" | "cgroup2";
  /** What mount(8) needs to mount the same one again: `cpu,cpuacct`, `name=systemd`, or "" for v2. */
  readonly options: string;
}

/** The hierarchies in the text of /proc/self/mountinfo (proc(5)), the last mount at a place winning. */
export function hierarchies(mountInfo: string): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of mountInfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const mountPoint = left.split(" ")[4] ?? "";
    const [type, , superOptions = ""] = right.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") continue;
    const options =
      type === "cgroup2"
        ? ""
        : superOptions
            .split(",")
            .filter((option) => !["rw", "ro", "xattr", "clone_children", "noprefix"].includes(option))
            .filter((option) => !option.startsWith("release_agent="))
            .join(",");
    found.set(mountPoint, { mountPoint, type, options });
  }
  return [...found.values()];
}

/** Whether the host has cgroup v2 alone. */
export function isUnified(all: readonly Hierarchy[]): boolean {
  return all.every(({ type }) => type === "cgroup2");
}

/** The folder of a lab (or of one node of it) in every hierarchy. */
export function groupFolders(all: readonly Hierarchy[], ...names: readonly string[]): string[] {
  return all.map(({ mountPoint }) => join(mountPoint, "swap-lab", ...names));
}

/** The host's hierarchies now. @throws SwapError `lab` when none is mounted */
export async function hostHierarchies(): Promise<Hierarchy[]> {
  const all = hierarchies(await readFile("/proc/self/mountinfo", "utf8"));
  if (all.length > 0) return all;
  throw new SwapError("lab", "No cgroups are mounted on this machine.", { hint: "Mount them at /sys/fs/cgroup." });
}

/** Makes the cgroups of a node in every hierarchy, ready to take processes. */
export async function makeGroups(all: readonly Hierarchy[], lab: string, node: string): Promise<string[]> {
  for (const { mountPoint, type, options } of all) {
    let folder = mountPoint;
    for (const part of ["swap-lab", lab, node]) {
      if (type === "cgroup2") await handDown(folder);
      folder = join(folder, part);
      await mkdir(folder, { recursive: true });
      if (options.split(",").includes("cpuset")) await inheritCpuset(folder);
    }
  }
  return groupFolders(all, lab, node);
}

async function handDown(folder: string): Promise<void> {
  const controllers = (await readFile(join(folder, "cgroup.controllers"), "utf8")).trim();
  if (controllers === "") return;
  const wanted = controllers.split(" ").map((name) => `+${name}`);
  await writeFile(join(folder, "cgroup.subtree_control"), wanted.join(" "));
}

/** A new cpuset of cgroup v1 has no processor and no memory, and takes no process (cpuset(7)). */
async function inheritCpuset(folder: string): Promise<void> {
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    if ((await readFile(join(folder, name), "utf8")).trim() !== "") continue;
    await writeFile(join(folder, name), await readFile(join(dirname(folder), name)));
  }
}

/** Ids of all processes in these cgroups and below; empty when there are none or no such groups. */
export async function groupProcesses(folders: readonly string[]): Promise<number[]> {
  const pids = new Set<number>();
  for (const folder of folders) {
    for (const group of await subtree(folder)) {
      const text = await unlessGone(readFile(join(group, "cgroup.procs"), "utf8"), "");
      for (const line of text.split("\n")) if (/^[1-9]\d*$/.test(line)) pids.add(Number(line));
    }
  }
  return [...pids];
}

/**
 * Removes cgroups with everything below. The kernel lets go of a group some time after its last process ended, so this
 * asks again for up to `patienceMs`.
 */
export async function removeGroups(folders: readonly string[], patienceMs = 10_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (const folder of folders) {
    for (const group of (await subtree(folder)).toReversed()) await removeGroup(group, deadline);
  }
}

async function removeGroup(group: string, deadline: number): Promise<void> {
  for (;;) {
    try {
      return await rmdir(group);
    } catch (error) {
      if (isGone(error)) return;
      if (Date.now() > deadline) {
        throw new SwapError("lab", `The cgroup ${group} cannot be removed.`, {
          hint: `A process may be in it that is not the lab's: see ${group}/cgroup.procs.`,
          cause: error,
        });
      }
      await sleep(5);
    }
  }
}

/** The group and all below, parents first. */
async function subtree(folder: string): Promise<string[]> {
  const children = await unlessGone(readdir(folder, { withFileTypes: true }), []);
  if (children === undefined) return [];
  const below = await Promise.all(
    children.filter((entry) => entry.isDirectory()).map((entry) => subtree(join(folder, entry.name))),
  );
  return [folder, ...below.flat()];
}

async function unlessGone<T>(work: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isGone(error)) return otherwise;
    throw error;
  }
}

/** A group that vanishes while it is being read says ENOENT or ENODEV. */
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENODEV");
}
