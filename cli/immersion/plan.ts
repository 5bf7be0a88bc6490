import type { PodWorld } from "../../src/wire/pod-world.ts";
import { planEtc, readResolvConf } from "./plan-names.ts";
import type { FilesPlan, Volume } from "./plan-files.ts";
import { ipBatch, nftRules, type NetworkPlan } from "./plan-network.ts";

/** Facts of the machine that the plan depends on. */
export interface HostFacts {
  /** Text of the machine's /etc/nsswitch.conf; undefined if there is none. */
  readonly nsswitch: string | undefined;
  /** The machine reaches the IPv6 internet. */
  readonly ipv6: boolean;
}

export interface PlanInput {
  readonly world: PodWorld;
  readonly host: HostFacts;
  /** Ports of 127.0.0.1 that lead out (to the pod's other containers, or to the laptop) when nothing listens inside. */
  readonly loopbackPorts: readonly number[];
  /** IPv6 ranges of the cluster. */
  readonly clusterRanges6: readonly string[];
  readonly volumes: readonly Volume[];
  readonly filesDescriptor: number | undefined;
  readonly command: InnerPlan["command"];
}

/** All that the program inside the namespaces has to do: it decides nothing itself. JSON. */
export interface InnerPlan {
  readonly hostname: string;
  readonly ipBatch: string;
  readonly nftRules: string;
  readonly interceptPort: number;
  readonly families: readonly (4 | 6)[];
  /** Where DNS is answered; undefined when the pod has no nameserver. */
  readonly nameserver: string | undefined;
  /** The addresses at which the local process may listen, tried in this order. */
  readonly dialHosts: readonly string[];
  readonly files: FilesPlan;
  readonly command: {
    readonly program: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly umask: number;
  };
}

/**
 * The one port that all intercepted connections are led to. No program listens on tcpmux, so that it takes nothing away
 * from the local process.
 */
const interceptPort = 1;

/** Decides what the namespaces look like. Pure. */
export function planImmersion(input: PlanInput): InnerPlan {
  const { world, host } = input;
  const resolver = readResolvConf(world.resolvConf);
  const [nameserver] = resolver.nameservers;
  const ipv4 = world.podIPs.find((address) => !address.includes(":"));
  const ipv6 = world.podIPs.find((address) => address.includes(":"));
  const routes6 = host.ipv6 ? ["::/0"] : input.clusterRanges6;
  const network: NetworkPlan = {
    ipv4,
    ipv6,
    routes6,
    nameserver,
    interceptPort,
    loopbackPorts: input.loopbackPorts,
  };
  return {
    hostname: world.hostname,
    ipBatch: ipBatch(network),
    nftRules: nftRules(network),
    interceptPort,
    families: routes6.length > 0 ? [4, 6] : [4],
    nameserver,
    dialHosts: ["127.0.0.1", "::1", ...world.podIPs],
    files: {
      etc: planEtc(world, host.nsswitch),
      volumes: input.volumes,
      filesDescriptor: input.filesDescriptor,
    },
    command: input.command,
  };
}
