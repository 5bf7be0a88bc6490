import { SwapError } from "../../src/error.ts";
import { markerLabels, readAgentFacts } from "../../src/plan/markers.ts";
import { parseTarget, type Target } from "../../src/plan/target.ts";
import type { Progress } from "../progress.ts";
import { apiStatus } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Pod } from "../kube/objects.ts";
import { podsPath } from "../kube/paths.ts";
import { isFinished } from "../kube/pod-state.ts";
import { restoreWorkload } from "./restore.ts";
import { deletePod } from "./take-over.ts";
import { holdsWorkload, readWorkload } from "./workload.ts";

export interface Wanted {
  readonly target?: string | undefined;
  readonly all: boolean;
  readonly now: boolean;
}

/**
 * Restores what is swapped in a namespace and sweeps finished agent pods and orphans.
 * @throws SwapError not-found when the target is not swapped, usage when several are and none is named.
 */
export async function restoreSessions(
  client: KubeClient,
  namespace: string,
  wanted: Wanted,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const ours = await client.list<Pod>(podsPath(namespace), { query: { labelSelector: markerLabels.session }, signal });
  const finished = ours.items.filter(isFinished);
  await Promise.all(finished.map((pod) => deletePod(client, pod, 0, signal)));
  if (finished.length > 0) progress.say(`swept ${finished.length} finished pod${finished.length === 1 ? "" : "s"}`);
  const byTarget = groupByTarget(ours.items.filter(holdsWorkload));
  const chosen = nothingLeft(byTarget, groupByTarget(finished), wanted) ? [] : choose(byTarget, namespace, wanted);
  for (const name of chosen) {
    await restoreOne(client, namespace, name, byTarget.get(name) ?? [], wanted.now, progress, signal);
  }
}

/** "deployment/api" → its agent pods. */
export function groupByTarget(pods: readonly Pod[]): Map<string, Pod[]> {
  return Map.groupBy(pods, (pod) => (readAgentFacts(pod)?.target ?? "unknown").split("/").slice(0, 2).join("/"));
}

/** What was asked for had ended by itself, and sweeping it was all that there was to do. */
function nothingLeft(
  alive: ReadonlyMap<string, Pod[]>,
  swept: ReadonlyMap<string, Pod[]>,
  { target }: Wanted,
): boolean {
  if (target === undefined) return alive.size === 0 && swept.size > 0;
  const key = keyOf(target);
  return swept.has(key) && !alive.has(key);
}

/** "deploy/api" as `groupByTarget` names it. */
function keyOf(target: string): string {
  const { kind, name } = parseTarget(target);
  return `${kind.toLowerCase()}/${name}`;
}

function choose(byTarget: ReadonlyMap<string, Pod[]>, namespace: string, { target, all }: Wanted): string[] {
  const there = [...byTarget.keys()];
  if (all) return there;
  if (target !== undefined) {
    const key = keyOf(target);
    if (there.includes(key)) return [key];
    throw new SwapError("not-found", `${key} is not swapped in namespace ${namespace}`, {
      hint:
        there.length > 0 ? `swapped are: ${there.join(", ")}` : "nothing is; `swap status -A` looks in all namespaces",
    });
  }
  if (there.length > 1) {
    throw new SwapError("usage", `several workloads are swapped in namespace ${namespace}: ${there.join(", ")}`, {
      hint: "name one, or say --all",
    });
  }
  if (there.length === 0) {
    throw new SwapError("not-found", `nothing is swapped in namespace ${namespace}`, {
      hint: "choose another with -n; `swap status -A` looks in all namespaces",
    });
  }
  return there;
}

async function restoreOne(
  client: KubeClient,
  namespace: string,
  name: string,
  agents: readonly Pod[],
  now: boolean,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const target: Target = parseTarget(name);
  const hurry = AbortSignal.any([signal, ...(now ? [AbortSignal.abort()] : [])]);
  try {
    const workload = await readWorkload(client, namespace, target, signal);
    await restoreWorkload({ client, progress, workload, agents, hurry });
  } catch (error) {
    if (apiStatus(error) !== 404) throw error;
    // The workload itself is gone: nothing to wait for.
    await Promise.all(agents.map((pod) => deletePod(client, pod, undefined, signal)));
  }
  progress.say(`restored ${name}`, { kind: "restored", target: name });
}
