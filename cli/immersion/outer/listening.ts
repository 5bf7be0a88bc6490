import { readFile } from "node:fs/promises";
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
const loopbacks = /^(0000007F|[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F)$/;

/**
 * @param table the text of /proc/PID/net/tcp, tcp6, udp or udp6 (proc_pid_net(5)).
 * @param ignore ports that are not the local process's.
 */
export function readListening(table: string, protocol: ListenProtocol, ignore: (port: number) => boolean): Listening[] {
  const wanted = protocol === "tcp" ? listenState : unconnectedState;
  return table.split("\n").flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, hexPort] = local?.split(":") ?? [];
    if (state !== wanted || address === undefined || hexPort === undefined) return [];
    const port = Number.parseInt(hexPort, 16);
    if (!(port > 0) || ignore(port)) return [];
    return [{ protocol, port, address: loopbacks.test(address) ? ("loopback" as const) : ("any" as const) }];
  });
}

/** Sockets of clients are bound to ports from here on (ip_local_port_range); for UDP nothing else tells them apart. */
const firstEphemeral = 32_768;

/** Everything that listens in the network namespace of `pid`; empty when the process is gone. */
export async function findListening(pid: number, ownPort: number): Promise<Listening[]> {
  const tables = await Promise.all(
    (["tcp", "tcp6", "udp", "udp6"] as const).map(async (name) => {
      const text = await readFile(`/proc/${pid}/net/${name}`, "latin1").catch(() => "");
      const protocol = name.startsWith("tcp") ? ("tcp" as const) : ("udp" as const);
      const ignore = (port: number): boolean =>
        port === ownPort || (protocol === "udp" && (port >= firstEphemeral || port === 53));
      return readListening(text, protocol, ignore);
    }),
  );
  const found = new Map<string, Listening>();
  for (const one of tables.flat()) {
    const key = `${one.protocol} ${one.port}`;
    if (found.get(key)?.address !== "any") found.set(key, one);
  }
  return [...found.values()];
}
