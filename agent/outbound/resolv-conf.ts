import { readFileSync } from "node:fs";
import { isIP } from "node:net";

/** As many as a C library looks at (resolv.conf(5), MAXNS). */
const maxServers = 3;

/** Addresses of the nameservers in their order; the own host's where none is named (resolv.conf(5)). */
export function parseNameservers(resolvConf: string): string[] {
  const servers = resolvConf
    .split("\n")
    .map((line) => /^nameserver[ \t]+(\S+)/.exec(line)?.[1])
    .filter((address) => address !== undefined && isIP(address.replace(/%.*/s, "")) !== 0) as string[];
  return servers.length === 0 ? ["127.0.0.1"] : servers.slice(0, maxServers);
}

/** The text of /etc/resolv.conf; empty where the container has none. */
export function readResolvConf(path: string = "/etc/resolv.conf"): string {
  return readText(path);
}

/** A text file of the container, empty where it cannot be read: an image may have left it out. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return "";
  }
}
