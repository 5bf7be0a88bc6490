import { isIP } from "node:net";
import type { PodWorld } from "../../src/wire/pod-world.ts";

/** The name by which the local process reaches the laptop itself. */
export const laptopName = "host.swap.internal";
/** The address of that name: of the range for benchmarks (RFC 2544), which nobody routes. */
export const laptopAddress = "198.18.0.1";

export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** @param text of a resolv.conf (resolv.conf(5)); what makes no sense is left out. */
export function readResolvConf(text: string): ResolverConfig {
  const nameservers: string[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined && isIP(values[0]) !== 0) nameservers.push(values[0]);
    if (keyword === "search" || keyword === "domain") search = values.map((domain) => domain.replace(/\.$/, ""));
  }
  return { nameservers, search };
}

/**
 * The domain of the cluster's own names ("cluster.local"), told by a search list such as kubelets write:
 * NAMESPACE.svc.DOMAIN svc.DOMAIN DOMAIN. Undefined for a pod with another dnsPolicy.
 */
export function clusterDomain({ search }: ResolverConfig): string | undefined {
  return search.find((domain) => domain.startsWith("svc."))?.slice("svc.".length);
}

/** Texts of the files in /etc that name the pod and its resolver. */
export function planEtc(world: PodWorld, nsswitch: string | undefined): Readonly<Record<string, string>> {
  const hosts = world.hosts.endsWith("\n") || world.hosts === "" ? world.hosts : `${world.hosts}\n`;
  return {
    "resolv.conf": world.resolvConf,
    hosts: `${hosts}${laptopAddress}\t${laptopName}\n`,
    hostname: `${world.hostname}\n`,
    // Resolvers of the laptop that answer by a socket in a file (systemd-resolved, mDNS) would bypass the cluster's.
    ...(nsswitch === undefined ? {} : { "nsswitch.conf": withHosts(nsswitch) }),
  };
}

function withHosts(nsswitch: string): string {
  const line = "hosts: files dns";
  return /^hosts:.*$/m.test(nsswitch) ? nsswitch.replace(/^hosts:.*$/m, line) : `${nsswitch.trimEnd()}\n${line}\n`;
}
