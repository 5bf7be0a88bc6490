import { access, constants, lstat, readdir, readlink, statfs } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { SwapError } from "../../src/error.ts";
import { hostHierarchies } from "./cgroup.ts";
import { orMissing } from "./missing.ts";
import type { HostTools } from "./node-files.ts";
import type { HostFacts } from "./node-plan.ts";
import { stateRoot } from "./paths.ts";

/** Programs of the host that a node uses, and the Debian package of each. */
const programs = {
  runc: "runc",
  nft: "nftables",
  ip: "iproute2",
  nsenter: "util-linux",
  iptables: "iptables",
} as const;

const cniFolders = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
const cniPlugins = ["ptp", "portmap", "host-local", "loopback"];
const overlayMagic = 0x794c7630; // statfs(2)

/** Where programs are looked for: an administrator's, even when PATH is a user's. */
export function searchPath(path: string | undefined): string {
  return [...(path ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
    .filter((folder, index, all) => folder !== "" && all.indexOf(folder) === index)
    .join(delimiter);
}

/** @throws SwapError `lab` for anybody but root */
export function requireRoot(uid: number | undefined): void {
  if (uid === 0) return;
  throw new SwapError("lab", "A native lab is made of namespaces, mounts and cgroups, and needs root.", {
    hint: "Run it by sudo, or use --provider kind or k3d with Docker. An existing cluster needs no lab.",
  });
}

/** Finds what a node needs of the host. @throws SwapError `lab` that names all that is missing */
export async function findTools(path: string): Promise<HostTools> {
  const missing: string[] = [];
  const found = new Map<string, string>();
  for (const [program, debianPackage] of Object.entries(programs)) {
    const where = await findProgram(program, path);
    if (where === undefined) missing.push(debianPackage);
    else found.set(program, where);
  }
  const plugins = await findCniPlugins();
  if (plugins === undefined) missing.push("containernetworking-plugins");
  const runc = found.get("runc");
  if (missing.length > 0 || runc === undefined || plugins === undefined) {
    throw new SwapError("lab", `These packages are missing for a native lab: ${missing.join(", ")}.`, {
      hint: `Install them: apt-get install ${missing.join(" ")}`,
    });
  }
  return { runc, cniPlugins: plugins };
}

/** The first executable of this name in the folders of `path`. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

async function findCniPlugins(): Promise<string | undefined> {
  for (const folder of cniFolders) {
    const names = (await orMissing(readdir(folder))) ?? [];
    if (cniPlugins.every((plugin) => names.includes(plugin))) return folder;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false; // any reason makes it unusable for us
  }
}

/** Looks at the host for the plan of a node. `bin` holds the lab's own programs. The state folder must exist. */
export async function lookAtHost(bin: string, tools: HostTools): Promise<HostFacts> {
  const system: Record<string, string | null> = {};
  for (const path of ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]) {
    const stats = await orMissing(lstat(path));
    if (stats !== undefined) system[path] = stats.isSymbolicLink() ? await readlink(path) : null;
  }
  if (!tools.cniPlugins.startsWith("/usr/")) system[tools.cniPlugins] = null;
  const shared: string[] = [];
  for (const path of ["/etc/alternatives", "/etc/ld.so.cache"]) {
    if ((await orMissing(lstat(path))) !== undefined) shared.push(path);
  }
  const stateIsOverlay = (await statfs(stateRoot)).type === overlayMagic;
  return { hierarchies: await hostHierarchies(), bin, system, shared, stateIsOverlay };
}
