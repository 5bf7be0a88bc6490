import { isIP, isIPv6 } from "node:net";
import type { PodWorld } from "../../src/wire/pod-world.ts";
import { readResolvConf } from "./plan-names.ts";

export interface RangesInput {
  readonly world: PodWorld;
  /** KUBERNETES_SERVICE_HOST of the container. */
  readonly serviceHost: string | undefined;
  /** The cluster's Service ranges, where they may be read. */
  readonly serviceRanges: readonly string[];
  /** `--also` of the command line, addresses and ranges. */
  readonly also: readonly string[];
}

/** Around an address of a pod or a Service that much belongs to the cluster, if nothing better is known. */
const around = { 4: 16, 6: 64 } as const;

/** Default routes, loopback, link-local and multicast. */
const isNobodys = /\/0$|^127\.|^169\.254\.|^22[4-9]\.|^f[ef]|^::1/i;

/** The cluster's ranges, in CIDR notation: what is known of them, and guesses around what is seen. */
export function clusterRanges({ world, serviceHost, serviceRanges, also }: RangesInput): string[] {
  const { nameservers } = readResolvConf(world.resolvConf);
  const seen = [...world.podIPs, ...(serviceHost === undefined ? [] : [serviceHost]), ...nameservers];
  const guesses = seen.filter((address) => isIP(address) !== 0).map((address) => `${address}/${widthOf(address)}`);
  const routes = world.routes.map(({ destination }) => destination).filter((route) => !isNobodys.test(route));
  return [...new Set([...also, ...serviceRanges, ...routes, ...guesses])];
}

function widthOf(address: string): number {
  return isIPv6(address) ? around[6] : around[4];
}
