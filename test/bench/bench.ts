import { setTimeout as delay } from "node:timers/promises";
import { besidePort, makeBed, onePod, startPortForward, startSwap, type Bed } from "./bed.ts";
import { judgeMemory, readMemory, type Memory } from "./measure-memory.ts";
import { measureLatency, measureThroughput, roads } from "./measure-paths.ts";
import { measureStart } from "./measure-start.ts";
import type { Metric } from "./metric.ts";
import type { BenchLab } from "./lab.ts";

/** How much is measured. */
export interface Extent {
  readonly startRounds: number;
  readonly rounds: number;
  /** Requests a round on one connection. */
  readonly keptAlive: number;
  /** Requests a round, each on a new connection. */
  readonly fresh: number;
  readonly transfers: number;
  /** Of one transfer. */
  readonly bytes: number;
}

export const fullExtent: Extent = {
  startRounds: 7,
  rounds: 12,
  keptAlive: 200,
  fresh: 60,
  transfers: 6,
  bytes: 128 << 20,
};

/** Whether it works at all. */
export const quickExtent: Extent = {
  startRounds: 1,
  rounds: 2,
  keptAlive: 50,
  fresh: 20,
  transfers: 1,
  bytes: 32 << 20,
};

/** How long everything is left alone before its memory is read, in ms: garbage is collected by then or never. */
const calmMs = 2000;

/** Which groups of metrics; all if left out. */
export const groups = ["start", "latency", "throughput", "memory"] as const;
export type Group = (typeof groups)[number];

export interface BenchOptions {
  readonly extent: Extent;
  readonly only: readonly Group[];
  /** Flags of Node's for the CLI that is measured on the paths, such as `--cpu-prof`. */
  readonly nodeFlags: readonly string[];
  readonly signal: AbortSignal;
  readonly say: (sentence: string) => void;
}

/** Measures everything, one after the other. */
export async function bench(lab: BenchLab, options: BenchOptions): Promise<Metric[]> {
  await using bed = await makeBed(lab);
  const { extent, only, say, signal } = options;
  const metrics: Metric[] = [];
  if (only.includes("start")) {
    say(`start and restore, ${extent.startRounds} rounds`);
    metrics.push(...(await measureStart(bed, extent.startRounds)));
  }
  signal.throwIfAborted();
  if (only.some((group) => group !== "start")) metrics.push(...(await benchPaths(bed, options)));
  return metrics;
}

async function benchPaths(bed: Bed, { extent, only, say, nodeFlags, signal }: BenchOptions): Promise<Metric[]> {
  await onePod(bed, "paths");
  await using swap = await startSwap(bed, "paths", nodeFlags);
  await swap.says(/is swapped/);
  const pod = await onePod(bed, "paths");
  const { command: forward, url } = await startPortForward(bed, `pod/${pod.name}`, besidePort);
  await using _forward = forward;
  const way = roads(bed, pod.address, url);
  await way.drivers.swap.answered(way.urls.swap, "local");
  await way.drivers.portForward.answered(way.urls.portForward, "beside");
  const look = async (): Promise<Memory> => {
    await delay(calmMs, undefined, { signal });
    return await readMemory(bed, pod.name, { cli: swap.pid, kubectl: forward.pid });
  };
  const metrics: Metric[] = [];
  const idle = await look();
  if (only.includes("latency")) {
    say(`requests, ${extent.rounds} rounds of ${extent.keptAlive} and ${extent.fresh}`);
    metrics.push(...(await measureLatency(way, extent)));
  }
  if (only.includes("throughput")) {
    say(`transfers of ${extent.bytes >> 20} MiB, ${extent.transfers} rounds`);
    metrics.push(...(await measureThroughput(way, { rounds: extent.transfers, bytes: extent.bytes })));
  }
  if (only.includes("memory")) metrics.push(...judgeMemory([idle], [await look()]));
  return metrics;
}
