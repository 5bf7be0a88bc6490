import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";
import type { ListenAddress, ListenProtocol } from "../../../src/wire/control-message.ts";

/** A port on which the local process takes connections or datagrams. */
export interface Listening {
  readonly protocol: ListenProtocol;
  readonly port: number;
  readonly address: ListenAddress;
}

const listenState = "0A";
/** A UDP socket that is bound and not connected. */
const unconnectedState = "07";
const anyAddress = /^0+$/;
const loopbacks = /^(0000007F|[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

/**
 * @param table the text of /proc/PID/net/tcp, tcp6, udp or udp6 (proc_pid_net(5)).
 * @param own the pod's addresses as the kernel writes them.
 * @param ignore ports that are not the local process's.
 */
export function readListening(
  table: string,
  protocol: ListenProtocol,
  own: ReadonlySet<string>,
  ignore: (port: number) => boolean,
): Listening[] {
  const wanted = protocol === "tcp" ? listenState : unconnectedState;
  return table.split("\n").flatMap((line): Listening[] => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, hexPort] = local?.split(":") ?? [];
    if (state !== wanted || address === undefined || hexPort === undefined) return [];
    const port = Number.parseInt(hexPort, 16);
    if (!(port > 0) || ignore(port)) return [];
    if (loopbacks.test(address)) return [{ protocol, port, address: "loopback" }];
    // Sockets that we bind to the destination of a UDP flow are nobody's listeners.
    return anyAddress.test(address) || own.has(address) ? [{ protocol, port, address: "any" }] : [];
  });
}

/** An address as the kernel writes it there: 32-bit words in the machine's order, which is little-endian. */
export function kernelAddress(address: string): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : address.split(".").map(Number);
  const words = Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes.slice(4 * index, 4 * index + 4).toReversed(),
  );
  return words
    .flat()
    .map((byte) => byte.toString(16).toUpperCase().padStart(2, "0"))
    .join("");
}

function ipv6Bytes(address: string): number[] {
  // The URL parser writes one spelling, with IPv4 parts as hex.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string | undefined): string[] => (text ? text.split(":") : []);
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff]);
}

/** Sockets of clients are bound to ports from here on (ip_local_port_range); for UDP nothing else tells them apart. */
const firstEphemeral = 32_768;

/** Everything that listens in the network namespace of `pid`; empty when the process is gone. */
export async function findListening(
  pid: number,
  ownPort: number,
  ownAddresses: readonly string[],
): Promise<Listening[]> {
  const own = new Set(ownAddresses.map(kernelAddress));
  const tables = await Promise.all(
    (["tcp", "tcp6", "udp", "udp6"] as const).map(async (name) => {
      const text = await readFile(`/proc/${pid}/net/${name}`, "latin1").catch(() => "");
      const protocol = name.startsWith("tcp") ? ("tcp" as const) : ("udp" as const);
      const ignore = (port: number): boolean =>
        port === ownPort || (protocol === "udp" && (port >= firstEphemeral || port === 53));
      return readListening(text, protocol, own, ignore);
    }),
  );
  const found = new Map<string, Listening>();
  for (const one of tables.flat()) {
    const key = `${one.protocol} ${one.port}`;
    if (found.get(key)?.address !== "any") found.set(key, one);
  }
  return [...found.values()];
}
