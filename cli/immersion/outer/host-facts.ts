import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { HostFacts } from "../plan.ts";
import { readResolvConf } from "../plan-names.ts";

/** Global unicast addresses (RFC 4291, 2.4); a machine with only others does not reach the IPv6 internet. */
const global6 = /^[23]/;

/** What the plan has to know of this machine. */
export async function readHostFacts(): Promise<HostFacts & { readonly nameservers: readonly string[] }> {
  const [nsswitch, resolvConf] = await Promise.all(
    ["/etc/nsswitch.conf", "/etc/resolv.conf"].map((path) => readFile(path, "utf8").catch(() => undefined)),
  );
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  return {
    nsswitch,
    nameservers: readResolvConf(resolvConf ?? "").nameservers,
    ipv6: addresses.some(({ family, address }) => family === "IPv6" && global6.test(address)),
  };
}
