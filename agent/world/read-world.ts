import { readFileSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import type { PodMount, PodWorld } from "../../src/wire/pod-world.ts";
import { readResolvConf, readText } from "../outbound/resolv-conf.ts";
import { parseMountInfo } from "./mountinfo.ts";
import { podAddresses } from "./pod-addresses.ts";
import { parseIPv4Routes, parseIPv6Routes, type Route } from "./routes.ts";
import { visibleMounts } from "./visible-mounts.ts";

/** How long a volume may take to answer, in ms. */
const answerMs = 500;

/** Describes the container and its pod from inside. */
export async function readWorld(): Promise<PodWorld> {
  const routes = [
    ...parseIPv4Routes(readText("/proc/net/route")),
    ...parseIPv6Routes(readText("/proc/net/ipv6_route")),
  ];
  return {
    hostname: hostname(),
    podIPs: podAddresses(networkInterfaces(), interfacesOfDefault(routes)),
    resolvConf: readResolvConf(),
    hosts: readText("/etc/hosts"),
    routes: routes.filter((route) => route.interface !== "lo").map(({ destination }) => ({ destination })),
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    groups: process.getgroups?.() ?? [],
    mounts: await readMounts(),
  };
}

function interfacesOfDefault(routes: readonly Route[]): string[] {
  return routes.filter(({ destination }) => destination.endsWith("/0")).map((route) => route.interface);
}

async function readMounts(): Promise<PodMount[]> {
  const entries = parseMountInfo(readFileSync("/proc/self/mountinfo"));
  // The folder of agent.cjs.
  const ownFolder = dirname(process.argv[1] ?? "/.swap/agent.cjs");
  const mounts: PodMount[] = [];
  let answering = true;
  for (const { path, type, readOnly } of visibleMounts(entries, ownFolder)) {
    const is = answering ? await kindOf(path) : "directory";
    // A volume whose server is gone; each further question could keep another thread of the pool.
    if (is === undefined) answering = false;
    mounts.push({ path, type, readOnly, kind: is ?? "directory" });
  }
  return mounts;
}

/** Undefined when the volume does not answer in time. */
async function kindOf(path: string): Promise<PodMount["kind"] | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), answerMs);
  try {
    return await Promise.race([stat(path).then(kindOfStats, () => "directory" as const), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const kindOfStats = (stats: Stats): PodMount["kind"] => (stats.isDirectory() ? "directory" : "file");
