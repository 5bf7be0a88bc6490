import { appPort, besidePort, type Bed } from "./bed.ts";
import type { Driver } from "./driver.ts";
import { judge, paths, type Metric, type Path } from "./metric.ts";

/**
 * Three ways to the same server program, all to the same pod, the agent's, and all measured in turns, so that whatever
 * else the machine does meets each alike:
 *
 * - swap: client in the cluster → agent → kubelet → API server → CLI → local process;
 * - port-forward: client here → kubectl → API server → kubelet → the server in the pod's second container. The same
 *   road the other way round: `kubectl port-forward` cannot lead requests out of the cluster;
 * - direct: client in the cluster → the server in the pod's second container.
 *
 * Client and server are the same two programs on every path; the clients are addressed by pod, not by Service.
 */
export interface Roads {
  readonly urls: Readonly<Record<Path, string>>;
  readonly drivers: Readonly<Record<Path, Driver>>;
}

export function roads(bed: Bed, address: string, portForwardUrl: string): Roads {
  return {
    urls: {
      swap: `http://${address}:${appPort}/`,
      portForward: portForwardUrl,
      direct: `http://${address}:${besidePort}/`,
    },
    drivers: { swap: bed.inCluster, portForward: bed.here, direct: bed.inCluster },
  };
}

/** Requests one after the other, on one connection and each on a new one. */
export async function measureLatency(
  { urls, drivers }: Roads,
  { rounds, keptAlive, fresh }: { rounds: number; keptAlive: number; fresh: number },
): Promise<Metric[]> {
  const kept = await inTurns(rounds, (path) => drivers[path].latency(urls[path], keptAlive, true));
  const news = await inTurns(rounds, (path) => drivers[path].latency(urls[path], fresh, false));
  return [
    judge({ name: "request, keep-alive", unit: "ms", better: "less", target: { of: "ratio", limit: 1.3 } }, kept),
    judge({ name: "request, new connection", unit: "ms", better: "less", target: { of: "ratio", limit: 0.5 } }, news),
  ];
}

/** One stream. Paths are compared by the way the bytes go: what is a download for one is an upload for the other. */
export async function measureThroughput(
  { urls, drivers }: Roads,
  { rounds, bytes }: { rounds: number; bytes: number },
): Promise<Metric[]> {
  const measure = async (path: Path, intoCluster: boolean): Promise<number[]> => {
    const direction = intoCluster === (path === "swap") ? "download" : "upload";
    const seconds = await drivers[path].transfer(direction, urls[path], bytes);
    return [bytes / 1e6 / seconds];
  };
  const inward = await inTurns(rounds, (path) => measure(path, true));
  const outward = await inTurns(rounds, (path) => measure(path, false));
  const target = { of: "ratio", limit: 1 } as const;
  return [
    judge({ name: "throughput to the cluster", unit: "MB/s", better: "more", target }, inward),
    judge({ name: "throughput from the cluster", unit: "MB/s", better: "more", target }, outward),
  ];
}

/** Measures each path once a round, beginning with another one each time. */
async function inTurns(
  rounds: number,
  measure: (path: Path) => Promise<readonly number[]>,
): Promise<Record<Path, number[]>> {
  const samples: Record<Path, number[]> = { swap: [], portForward: [], direct: [] };
  for (let round = 0; round < rounds; round += 1) {
    const first = round % paths.length;
    for (const path of [...paths.slice(first), ...paths.slice(0, first)]) samples[path].push(...(await measure(path)));
  }
  return samples;
}
