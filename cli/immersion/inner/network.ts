import { spawnSync } from "node:child_process";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, isIPv6 } from "node:net";
import type { InnerPlan } from "../plan.ts";
import type { Ipc } from "./ipc.ts";
import { setReceiveDestination, setTransparent } from "./libc.ts";
import { descriptorOf, stopReading } from "./node-internals.ts";
import { UdpFlows } from "./udp-flows.ts";

/** Makes the interfaces, routes and rules of the namespace. @throws Error with the tool's own words. */
export function prepareNetwork(plan: InnerPlan): void {
  runTool("ip", ["-batch", "-"], plan.ipBatch);
  runTool("nft", ["-f", "-"], plan.nftRules);
  // A container may listen on 80, and so may the local process here.
  writeFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
}

/** Debian's users do not have these in their PATH. */
const toolFolders = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin";

function runTool(program: string, args: readonly string[], input: string): void {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${toolFolders}` };
  const { status, stderr, error } = spawnSync(program, args, { input, encoding: "utf8", env });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

/** Opens the listeners that intercepted traffic meets, and hands them out. */
export async function openListeners(plan: InnerPlan, ipc: Ipc): Promise<void> {
  for (const family of plan.families) await openTcp(family, plan.interceptPort, ipc);
  if (plan.nameserver !== undefined) {
    const dns = createSocket(isIPv6(plan.nameserver) ? "udp6" : "udp4");
    await bind(dns, 53, plan.nameserver);
    await ipc.send({ type: "dns" }, dns);
    dns.close();
  }
  const sockets = await Promise.all(plan.families.map((family) => openUdp(family, plan.interceptPort)));
  new UdpFlows(ipc).serve(sockets);
}

async function openTcp(family: 4 | 6, port: number, ipc: Ipc): Promise<void> {
  const server = createServer();
  server.listen({ port, host: family === 6 ? "::" : "0.0.0.0", ipv6Only: family === 6, backlog: 4_096 });
  await once(server, "listening");
  setTransparent(descriptorOf(server), family);
  await ipc.send({ type: "tcp" }, server);
  server.close();
}

async function openUdp(family: 4 | 6, port: number): Promise<UdpSocket> {
  const socket = createSocket({ type: family === 6 ? "udp6" : "udp4", ipv6Only: family === 6 });
  await bind(socket, port, family === 6 ? "::" : "0.0.0.0");
  stopReading(socket);
  setTransparent(descriptorOf(socket), family);
  setReceiveDestination(descriptorOf(socket), family);
  return socket;
}

/** Binds without a look-up of the address. @throws the system's error */
export async function bind(socket: UdpSocket, port: number, host: string): Promise<void> {
  const bound = once(socket, "listening");
  socket.bind({ port, address: host });
  await bound;
}
