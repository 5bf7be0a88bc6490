import type { Outbound } from "./outer/destinations.ts";

/** How the local process is to live in the pod's world, as the command line says it. */
export interface ImmersionFlags {
  readonly network: NetworkMode;
  readonly files: FilesMode;
  readonly outbound: Outbound;
  /** Addresses, ranges and names that belong to the cluster beside those that are found. */
  readonly also: readonly string[];
  /** Ports of 127.0.0.1 inside that lead to the laptop's own loopback. */
  readonly laptopPorts: readonly number[];
  /** Ports of the local process that are opened on the laptop's loopback. */
  readonly expose: readonly number[];
  /** Ports of this machine that lead to services of the cluster; with --network=proxy. */
  readonly forwards: readonly Forward[];
  /** Paths that stay as they are on the laptop. */
  readonly localPaths: readonly string[];
  /** REMOTE → LOCAL. */
  readonly mounts: ReadonlyMap<string, string>;
}

/** --forward [LOCAL:]HOST:PORT */
export interface Forward {
  readonly local: number;
  readonly host: string;
  readonly port: number;
}

/**
 * full: namespaces, everything as in the pod. proxy: the laptop's own network, and proxies in the environment.
 * none: the laptop's own network.
 */
export type NetworkMode = "full" | "proxy" | "none";
export const networkModes = ["full", "proxy", "none"] as const;

/** volumes: at their own paths. all: with the container's root at $SWAP_ROOT. copy: copied, no FUSE. */
export type FilesMode = "volumes" | "all" | "copy" | "none";
export const filesModes = ["volumes", "all", "copy", "none"] as const;

/** What a swap does that does not say otherwise. */
export const defaultNetwork: NetworkMode = "none";

/** Nothing of the pod's world but its environment and its traffic. */
export const notImmersed: ImmersionFlags = {
  network: "none",
  files: "none",
  outbound: "cluster",
  also: [],
  laptopPorts: [],
  expose: [],
  forwards: [],
  localPaths: [],
  mounts: new Map(),
};
