import { BlockList, isIP, isIPv6 } from "node:net";
import { laptopAddress } from "../plan-names.ts";

/** Which traffic leaves from the pod: what belongs to the cluster, all, or none. */
export type Outbound = "cluster" | "all" | "none";

/** Where a connection of the local process goes to. */
export type Route =
  { readonly from: "pod"; readonly host: string } | { readonly from: "laptop"; readonly host: string };

export interface DestinationsInput {
  readonly outbound: Outbound;
  /** Ranges of the cluster, in CIDR notation; what is none is left out. */
  readonly ranges: readonly string[];
  /** Ports of 127.0.0.1 that lead to the laptop's own loopback; the others lead to the pod's. */
  readonly laptopPorts: ReadonlySet<number>;
}

/** Answers are learnt for a session; this many are many. */
const maxLearnt = 10_000;

/** Decides from where a destination is dialled: from the pod or from the laptop. */
export class Destinations {
  readonly #input: DestinationsInput;
  readonly #ranges = new BlockList();
  readonly #learnt = new Set<string>();

  constructor(input: DestinationsInput) {
    this.#input = input;
    for (const range of input.ranges) addRange(this.#ranges, range);
  }

  route(host: string, port: number): Route {
    if (host === laptopAddress) return { from: "laptop", host: "127.0.0.1" };
    if (isLoopback(host)) return { from: this.#input.laptopPorts.has(port) ? "laptop" : "pod", host };
    const { outbound } = this.#input;
    const inCluster = outbound === "all" || (outbound === "cluster" && this.#isCluster(host));
    return { from: inCluster ? "pod" : "laptop", host };
  }

  /**
   * The pod's resolver has answered with these addresses. They belong to the cluster when the name does, or when they
   * are private: the laptop cannot know where such an address is.
   */
  learn(addresses: readonly string[], nameIsClusters: boolean): void {
    for (const address of addresses) {
      if (this.#learnt.size >= maxLearnt) return;
      if (nameIsClusters || isPrivate(address)) this.#learnt.add(canonical(address));
    }
  }

  #isCluster(host: string): boolean {
    return this.#learnt.has(canonical(host)) || this.#ranges.check(host, isIPv6(host) ? "ipv6" : "ipv4");
  }
}

/** Adds a range to a list. @returns false for a text that is no range. */
export function addRange(list: BlockList, range: string): boolean {
  const [network = "", bits] = range.split("/");
  const family = isIP(network);
  const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
  if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 6 ? 128 : 32)) return false;
  list.addSubnet(network, prefix, family === 6 ? "ipv6" : "ipv4");
  return true;
}

const loopback = new BlockList();
addRange(loopback, "127.0.0.0/8");
addRange(loopback, "::1/128");

function isLoopback(host: string): boolean {
  return loopback.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

const privateRanges = new BlockList();
/** RFC 1918, RFC 6598 (which clouds use for pods), RFC 4193. */
for (const range of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]) {
  addRange(privateRanges, range);
}

function isPrivate(host: string): boolean {
  return privateRanges.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

/** One spelling of an IPv6 address. */
function canonical(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]/`).hostname : address;
}
