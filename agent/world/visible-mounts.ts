import type { MountEntry } from "./mountinfo.ts";

/** Where the kernel and the container runtime mount what is no volume; tmpfs and binds under them are masks. */
const systemFolders: readonly string[] = ["/proc", "/sys"];

/** What the runtime or the kubelet mounts into each container, file by file or for /dev. */
const runtimePaths: ReadonlySet<string> = new Set([
  "/",
  "/dev",
  "/dev/console",
  "/dev/mqueue",
  "/dev/pts",
  "/dev/termination-log",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
  "/run/.containerenv",
]);

const kernelTypes: ReadonlySet<string> = new Set(
  "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split(
    " ",
  ),
);

/**
 * The mounts that a user of the container would call its volumes: what the pod's owner mounted, seen from inside. Left
 * out are the root, kernel file systems, what the runtime gives each container, the agent's own folder, and mounts that
 * another one covers.
 *
 * @param ownFolder where the agent is mounted
 */
export function visibleMounts(entries: readonly MountEntry[], ownFolder: string): MountEntry[] {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const isVolume = ({ path, type, source }: MountEntry): boolean =>
    !kernelTypes.has(type) &&
    // The pod's shared memory, by the name that containerd and CRI-O give it; a volume there has another.
    !(path === "/dev/shm" && source === "shm") &&
    !runtimePaths.has(path) &&
    !systemFolders.some((folder) => isWithin(path, folder)) &&
    !isWithin(path, ownFolder);
  const volumes = entries.filter(isVolume);
  return volumes.filter((volume) => {
    const beneath = ancestors(volume, byId);
    return !entries.some((other) => other !== volume && isWithin(volume.path, other.path) && !beneath.has(other));
  });
}

/** The mounts that this one lies on: a cover lies on none of those that it covers. */
function ancestors(entry: MountEntry, byId: ReadonlyMap<number, MountEntry>): Set<MountEntry> {
  const found = new Set<MountEntry>();
  for (let next = byId.get(entry.parent); next !== undefined && !found.has(next); next = byId.get(next.parent)) {
    found.add(next);
  }
  return found;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
