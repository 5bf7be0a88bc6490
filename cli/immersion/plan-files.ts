import type { PodMount } from "../../src/wire/pod-world.ts";

/** Where the container's whole file system is, for those who prefer a prefix: $SWAP_ROOT. */
export const rootPath = "/run/swap";

/** A path of the container that the local process sees. */
export interface Volume {
  /** Absolute path in the container. */
  readonly remote: string;
  /** Absolute path here. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly kind: "directory" | "file";
}

export interface FilesPlan {
  /** Files of /etc by name. */
  readonly etc: Readonly<Record<string, string>>;
  readonly volumes: readonly Volume[];
  /** The descriptor on which the pod's files are served; undefined: no files but those of /etc. */
  readonly filesDescriptor: number | undefined;
}

/** Made by the kubelet or the runtime in every container; the local process gets its own or a text of them. */
const furniture = /^\/(proc|sys|dev|\.swap|etc\/(hosts|hostname|resolv\.conf))(\/|$)/;

/**
 * The volumes of the container, each at its own path.
 * @param local paths that stay as they are here, with all below them.
 * @param mapped REMOTE → LOCAL of --mount.
 */
export function chooseVolumes(
  mounts: readonly PodMount[],
  local: readonly string[],
  mapped: ReadonlyMap<string, string>,
): Volume[] {
  const volumes = mounts
    .filter(({ path }) => path !== "/" && !furniture.test(path) && !mapped.has(path))
    .filter(({ path }) => !local.some((kept) => path === kept || path.startsWith(`${kept}/`)))
    .map(({ path, readOnly, kind }) => ({ remote: path, path, readOnly, kind }));
  const extra = [...mapped].map(([remote, path]) => {
    const mounted = mounts.find((candidate) => candidate.path === remote);
    return { remote, path, readOnly: mounted?.readOnly ?? false, kind: mounted?.kind ?? ("directory" as const) };
  });
  return [...volumes, ...extra].toSorted((a, b) => a.path.length - b.path.length);
}
