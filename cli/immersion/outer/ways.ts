import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { PodWorld } from "../../../src/wire/pod-world.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";
import type { ImmersionFlags } from "../flags.ts";
import { clusterDomain, readResolvConf } from "../plan-names.ts";
import { Destinations } from "./destinations.ts";
import { DnsTunnel } from "./dns-tunnel.ts";
import type { WaysOut } from "./immersion.ts";
import { laptopResolver } from "./laptop-resolver.ts";
import { Resolver } from "./resolver.ts";

export interface WaysInput {
  readonly world: PodWorld;
  readonly ranges: readonly string[];
  readonly flags: ImmersionFlags;
  /** The laptop's own. */
  readonly nameservers: readonly string[];
  readonly open: (open: StreamOpen) => MuxStream;
}

/** From where the local process's connections go on, and who answers its questions. */
export function planWays({ world, ranges, flags, nameservers, open }: WaysInput): WaysOut {
  const resolver = readResolvConf(world.resolvConf);
  const destinations = new Destinations({
    outbound: flags.outbound,
    ranges,
    laptopPorts: new Set(flags.laptopPorts),
  });
  const domain = clusterDomain(resolver);
  const names = flags.also.filter((also) => /[a-z]/i.test(also) && !also.includes(":"));
  return {
    open,
    destinations,
    resolver: new Resolver({
      cluster: flags.outbound === "none" ? undefined : new DnsTunnel(open).ask,
      laptop: laptopResolver(nameservers),
      clusterDomains: [...new Set([...(domain === undefined ? [] : [domain]), ...resolver.search, ...names])],
      onAnswer: (addresses, nameIsClusters) => destinations.learn(addresses, nameIsClusters),
    }),
  };
}
