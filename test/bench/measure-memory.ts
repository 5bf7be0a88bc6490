import { readFile } from "node:fs/promises";
import type { Bed } from "./bed.ts";
import { judge, type Measure, type Metric } from "./metric.ts";

/** Memory at one moment, in MiB. */
export interface Memory {
  /** Resident pages of the agent's process, those of the shared libraries and of Node itself among them. */
  readonly agent: number;
  /** Of those, the ones that belong to no file: what it has beyond the pages of Node that all agents of a node share. */
  readonly agentAnonymous: number;
  readonly cli: number;
  readonly kubectl: number;
  /** The most that was ever resident. */
  readonly peak: { readonly agent: number; readonly cli: number; readonly kubectl: number };
}

export async function readMemory(bed: Bed, pod: string, pids: { cli: number; kubectl: number }): Promise<Memory> {
  const [agent, cli, kubectl] = await Promise.all([
    bed.kubectl("exec", pod, "-c", "app", "--", "cat", "/proc/1/status"),
    readFile(`/proc/${pids.cli}/status`, "utf8"),
    readFile(`/proc/${pids.kubectl}/status`, "utf8"),
  ]);
  return {
    agent: resident(agent, "VmRSS"),
    agentAnonymous: resident(agent, "RssAnon"),
    cli: resident(cli, "VmRSS"),
    kubectl: resident(kubectl, "VmRSS"),
    peak: {
      agent: resident(agent, "VmHWM"),
      cli: resident(cli, "VmHWM"),
      kubectl: resident(kubectl, "VmHWM"),
    },
  };
}

/** The peaks are by the kernel's own count, over the whole life of the process. */
export function judgeMemory(idle: readonly Memory[], loaded: readonly Memory[]): Metric[] {
  const least = { unit: "MiB", better: "less" } as const;
  const agentTarget = { of: "swap", limit: 64 } as const;
  const cliTarget = { of: "swap", limit: 130 } as const;
  const of = (memories: readonly Memory[], pick: (memory: Memory) => number): number[] => memories.map(pick);
  const metric = (
    name: string,
    target: Measure["target"],
    memories: readonly Memory[],
    swap: (memory: Memory) => number,
    kubectl?: (memory: Memory) => number,
  ): Metric =>
    judge(
      { ...least, name, ...(target ? { target } : {}) },
      { swap: of(memories, swap), ...(kubectl ? { portForward: of(memories, kubectl) } : {}) },
    );
  return [
    metric("agent's memory, idle", agentTarget, idle, ({ agent }) => agent),
    metric("agent's memory, after load", agentTarget, loaded, ({ agent }) => agent),
    metric("agent's memory, peak", agentTarget, loaded, ({ peak }) => peak.agent),
    metric("of it anonymous, after load", undefined, loaded, ({ agentAnonymous }) => agentAnonymous),
    metric(
      "CLI's memory, idle",
      cliTarget,
      idle,
      ({ cli }) => cli,
      ({ kubectl }) => kubectl,
    ),
    metric(
      "CLI's memory, after load",
      cliTarget,
      loaded,
      ({ cli }) => cli,
      ({ kubectl }) => kubectl,
    ),
    metric(
      "CLI's memory, peak",
      cliTarget,
      loaded,
      ({ peak }) => peak.cli,
      ({ peak }) => peak.kubectl,
    ),
  ];
}

function resident(text: string, field: "VmRSS" | "VmHWM" | "RssAnon"): number {
  const found = text.match(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m"))?.[1];
  if (found === undefined) throw new Error(`no ${field} in:\n${text}`);
  return Number(found) / 1024;
}
