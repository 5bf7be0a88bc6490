import { addresses, type NodeAddress } from "./addresses.ts";
import { isUnified, type Hierarchy } from "./cgroup.ts";
import { binFolder, components, type Component } from "./components.ts";
import type { LabPaths, NodePaths } from "./paths.ts";

/** A mount in the node; see examples/kind/init. Targets are paths of the node, sources paths of the host. */
export interface Mount {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly flags: readonly MountFlag[];
  readonly data: string;
}

type MountFlag = "bind" | "rbind" | "readonly" | "nosuid" | "nodev" | "noexec";

/** Everything that node-init is told: the JSON file has these fields and no others. */
export interface NodePlan {
  readonly hostname: string;
  readonly cgroups: readonly string[];
  readonly unified: boolean;
  readonly listen: string;
  readonly target: string;
  readonly root: string;
  readonly mounts: readonly Mount[];
  readonly symlinks: Readonly<Record<string, string>>;
  readonly attach: readonly (readonly string[])[];
  readonly setup: readonly (readonly string[])[];
  readonly status: string;
  readonly components: readonly Component[];
}

/** What the host looks like. */
export interface HostFacts {
  readonly hierarchies: readonly Hierarchy[];
  /** The lab's own programs. */
  readonly bin: string;
  /** Top-level folders with programs and libraries: `null` for a folder, else where its symbolic link leads. */
  readonly system: Readonly<Record<string, string | null>>;
  /** Of /etc/alternatives and /etc/ld.so.cache, those that exist: programs in /usr lean on them. */
  readonly shared: readonly string[];
  /** Whether the state folder is on an overlay, which cannot be the upper side of another one. */
  readonly stateIsOverlay: boolean;
}

/** Where a node tells how its components are. */
export const statusPath = "/run/cube/status.json";

/** Decides what a node's container is made of. `apiPid` is the host's id of the first node's PID 1, for the others. */
export function planNode(
  node: NodeAddress,
  all: readonly NodeAddress[],
  host: HostFacts,
  paths: { lab: LabPaths; node: NodePaths },
  options: { apiPort: number; cgroups: readonly string[]; apiPid?: number },
): NodePlan {
  const api = all[0] ?? node;
  const first = node.number === api.number;
  return {
    hostname: node.name,
    cgroups: options.cgroups,
    unified: isUnified(host.hierarchies),
    listen: first ? `127.0.0.1:${options.apiPort}` : "",
    target: first ? `127.0.0.1:${addresses.apiPort}` : "",
    root: paths.node.root,
    mounts: [...systemMounts(host), ...ownMounts(host, paths), ...kernelMounts(), ...groupMounts(host.hierarchies)],
    symlinks: links(host.system),
    attach: options.apiPid === undefined ? [] : attachCommands(node, options.apiPid),
    setup: [
      ["ip", "-batch", "/etc/swap/network"],
      ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"],
    ],
    status: statusPath,
    components: components(node, api),
  };
}

function mount(source: string, target: string, type: string, flags: readonly MountFlag[] = [], data = ""): Mount {
  return { source, target, type, flags, data };
}

/** Programs and libraries are the host's, read-only; nothing else of its file system can be seen. */
function systemMounts({ system, bin }: HostFacts): Mount[] {
  const folders = Object.keys(system).filter((path) => system[path] === null);
  return [
    ...folders.map((path) => mount(path, path, "", ["bind", "readonly"])),
    mount(bin, binFolder, "", ["bind", "readonly"]),
  ];
}

function ownMounts({ shared, stateIsOverlay }: HostFacts, paths: { lab: LabPaths; node: NodePaths }): Mount[] {
  return [
    mount(paths.node.etc, "/etc", "", ["bind"]),
    ...shared.map((path) => mount(path, path, "", ["bind", "readonly"])),
    mount(paths.node.var, "/var", "", ["bind"]),
    mount(paths.lab.volumes, "/var/lib/local-path", "", ["bind"]),
    ...(stateIsOverlay ? [mount("tmpfs", "/var/lib/containerd", "tmpfs", [], "mode=700")] : []),
    mount("tmpfs", "/run", "tmpfs", ["nosuid", "nodev"], "mode=755"),
    mount("tmpfs", "/tmp", "tmpfs", ["nosuid", "nodev"], "mode=1777"),
    // Leases of pod addresses and CNI's cache are worthless after a restart of the node and must not survive it.
    mount("tmpfs", "/var/lib/cni", "tmpfs", [], "mode=700"),
  ];
}

function kernelMounts(): Mount[] {
  return [
    mount("proc", "/proc", "proc", ["nosuid", "nodev", "noexec"]),
    mount("sysfs", "/sys", "sysfs", ["nosuid", "nodev", "noexec"]),
    mount("/dev", "/dev", "", ["bind"]),
    mount("devpts", "/dev/pts", "devpts", ["nosuid", "noexec"], "newinstance,ptmxmode=0666,mode=0620"),
    mount("tmpfs", "/dev/shm", "tmpfs", ["nosuid", "nodev"], "mode=1777"),
    mount("mqueue", "/dev/mqueue", "mqueue", ["nosuid", "nodev", "noexec"]),
  ];
}

/** Mounted anew inside the cgroup namespace, each hierarchy shows the node's own groups as the whole of it. */
function groupMounts(all: readonly Hierarchy[]): Mount[] {
  const flags: MountFlag[] = ["nosuid", "nodev", "noexec"];
  if (isUnified(all)) return [mount("cgroup2", "/sys/fs/cgroup", "cgroup2", flags)];
  return [
    mount("tmpfs", "/sys/fs/cgroup", "tmpfs", flags, "mode=755"),
    ...all.map(({ mountPoint, type, options }) => mount("cgroup", mountPoint, type, flags, options)),
  ];
}

function links(system: HostFacts["system"]): Record<string, string> {
  const found: Record<string, string> = { "/var/run": "/run", "/dev/fd": "/proc/self/fd" };
  for (const [path, target] of Object.entries(system)) if (target !== null) found[path] = target;
  return found;
}

/** A cable from this node to the first one's bridge, with no end in the host. */
function attachCommands({ number }: NodeAddress, apiPid: number): string[][] {
  const port = `node${number}`;
  const pair = ["type", "veth", "peer", "name", "eth0", "netns", "{pid}"];
  return [
    ["ip", "link", "add", port, "netns", String(apiPid), ...pair],
    ["nsenter", `--target=${apiPid}`, "--net", "ip", "link", "set", port, "master", "eth0", "up"],
  ];
}

/** Commands for `ip -batch` inside the node. The way out of the lab is closed at once instead of by a timeout. */
export function networkCommands(node: NodeAddress, all: readonly NodeAddress[]): string {
  return [
    "link set lo up",
    ...(node.number === 1 ? ["link add eth0 type bridge"] : []),
    `addr add ${node.address}/24 dev eth0`,
    "link set eth0 up",
    // kube-proxy translates these before they leave; without a route they would be refused before that.
    `route add ${addresses.services} dev eth0`,
    ...all
      .filter(({ number }) => number !== node.number)
      .map(({ podRange, address }) => `route add ${podRange} via ${address}`),
    "route add unreachable default",
    "",
  ].join("\n");
}
