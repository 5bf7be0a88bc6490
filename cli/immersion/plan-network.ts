import { isIPv6 } from "node:net";

export interface NetworkPlan {
  /** The pod's own addresses. */
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** IPv6 destinations that are intercepted; the others are unreachable at once, so that programs fall back to IPv4. */
  readonly routes6: readonly string[];
  readonly nameserver: string | undefined;
  readonly interceptPort: number;
  readonly loopbackPorts: readonly number[];
}

/** Source of IPv6 connections where the pod has no IPv6 address (RFC 4193). */
const substitute6 = "fd00:5a5a::1";

/**
 * Lines for `ip -batch -`. Every address there is becomes local ("AnyIP"), so that each packet loops through `lo` and
 * meets the interception; the pod's addresses are on an `eth0`, as programs expect. The other end is only its carrier.
 */
export function ipBatch({ ipv4, ipv6, routes6 }: NetworkPlan): string {
  const lines = [
    "link set lo up",
    "link add eth0 type veth peer name swap0",
    "link set eth0 up",
    "link set swap0 up",
    ...(ipv4 === undefined ? [] : [`addr add ${ipv4}/32 dev eth0`]),
    ...(ipv6 === undefined ? [] : [`addr add ${ipv6}/128 dev eth0 nodad`]),
    `route add local default dev lo${ipv4 === undefined ? "" : ` src ${ipv4}`}`,
  ];
  if (routes6.length > 0 && ipv6 === undefined) lines.push(`addr add ${substitute6}/128 dev lo nodad`);
  for (const range of routes6) lines.push(`route add local ${range} dev lo src ${ipv6 ?? substitute6}`);
  return `${lines.join("\n")}\n`;
}

/**
 * Rules for `nft -f -`: TCP and UDP to any address but the pod's own go to the interception port, with their
 * destination kept (TPROXY: https://docs.kernel.org/networking/tproxy.html). On chosen loopback ports a listener inside
 * has precedence.
 */
export function nftRules(plan: NetworkPlan): string {
  const { ipv4, ipv6, nameserver, interceptPort, loopbackPorts } = plan;
  const own4 = ["127.0.0.0/8", ...(ipv4 === undefined ? [] : [ipv4])];
  const own6 = ["::1", "fe80::/10", "ff00::/8", substitute6, ...(ipv6 === undefined ? [] : [ipv6])];
  const ports = `{ ${loopbackPorts.join(", ")} }`;
  const rules = [
    ...(loopbackPorts.length === 0
      ? []
      : [
          `ip daddr 127.0.0.1 tcp dport ${ports} socket wildcard { 0, 1 } accept`,
          `ip daddr 127.0.0.1 tcp dport ${ports} tproxy ip to :${interceptPort} accept`,
        ]),
    `ip daddr { ${own4.join(", ")} } accept`,
    `ip6 daddr { ${own6.join(", ")} } accept`,
    ...(nameserver === undefined
      ? []
      : [`${isIPv6(nameserver) ? "ip6" : "ip"} daddr ${nameserver} udp dport 53 accept`]),
    "socket wildcard 0 accept",
    `meta l4proto tcp tproxy to :${interceptPort} accept`,
    `meta l4proto udp tproxy to :${interceptPort} accept`,
  ];
  const chain = ["type filter hook prerouting priority mangle; policy accept;", ...rules];
  return `table inet swap {\n  chain pre {\n${chain.map((line) => `    ${line}\n`).join("")}  }\n}\n`;
}
