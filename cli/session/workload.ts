import { SwapError } from "../../src/error.ts";
import type { KubeClient } from "../kube/client.ts";
import { apiStatus } from "../kube/api-error.ts";
import type { Deployment, Pod, ReplicaSet } from "../kube/objects.ts";
import { deploymentsPath, replicaSetsPath } from "../kube/paths.ts";
import { isActive, isControlledBy, isFinished } from "../kube/pod-state.ts";
import { formatSelector } from "../kube/selector.ts";
import { markerLabels, readAgentFacts } from "../../src/plan/markers.ts";
import type { SupportedKind } from "../../src/plan/target.ts";

/** What the session needs to know of a Deployment or a bare ReplicaSet, as it is now. */
export interface Workload {
  readonly kind: SupportedKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Replicas that its owner wants. */
  readonly desired: number;
  readonly minReadySeconds: number;
  /** The originals go before the local process starts (strategy Recreate). */
  readonly recreate: boolean;
  /** Label selector of its pods, as a query parameter. */
  readonly selector: string;
  readonly object: Deployment | ReplicaSet;
}

const paths = { Deployment: deploymentsPath, ReplicaSet: replicaSetsPath } as const;

/** @throws SwapError not-found with the names that are there, or whatever the API server refuses. */
export async function readWorkload(
  client: KubeClient,
  namespace: string,
  target: { kind: SupportedKind; name: string },
  signal: AbortSignal,
): Promise<Workload> {
  const path = paths[target.kind](namespace);
  try {
    return toWorkload(target.kind, await client.get<Deployment | ReplicaSet>(`${path}/${target.name}`, { signal }));
  } catch (error) {
    if (apiStatus(error) !== 404) throw error;
    const there = await client.list<Deployment | ReplicaSet>(path, { signal });
    const names = there.items.map(({ metadata }) => metadata?.name ?? "").slice(0, 12);
    throw new SwapError("not-found", `${target.kind} "${target.name}" does not exist in namespace ${namespace}`, {
      hint:
        names.length > 0
          ? `there are: ${names.join(", ")}`
          : `the namespace has no ${target.kind}; choose another with -n`,
      cause: error,
    });
  }
}

export function toWorkload(kind: SupportedKind, object: Deployment | ReplicaSet): Workload {
  const { metadata, spec } = object;
  return {
    kind,
    namespace: metadata?.namespace ?? "",
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
    desired: spec?.replicas ?? 1,
    minReadySeconds: spec?.minReadySeconds ?? 0,
    recreate: kind === "Deployment" && (object as Deployment).spec?.strategy?.type === "Recreate",
    selector: formatSelector(spec?.selector ?? {}),
    object,
  };
}

/** The ReplicaSets that make the workload's pods: a Deployment's own, or the ReplicaSet itself. */
export async function readReplicaSets(
  client: KubeClient,
  workload: Workload,
  signal: AbortSignal,
): Promise<ReplicaSet[]> {
  if (workload.kind === "ReplicaSet") return [workload.object as ReplicaSet];
  const all = await client.list<ReplicaSet>(replicaSetsPath(workload.namespace), {
    query: { labelSelector: workload.selector },
    signal,
  });
  return all.items.filter((set) =>
    set.metadata?.ownerReferences?.some(({ uid, controller }) => controller && uid === workload.uid),
  );
}

/** The pods of these ReplicaSets that count as replicas and are not ours. */
export function originalsOf(pods: Iterable<Pod>, replicaSets: readonly ReplicaSet[]): Pod[] {
  const uids = replicaSets.map(({ metadata }) => metadata?.uid ?? "");
  return [...pods].filter((pod) => isActive(pod) && !isOurs(pod) && uids.some((uid) => isControlledBy(pod, uid)));
}

/** A pod that some session of swap made or released. */
export function isOurs(pod: Pod): boolean {
  return pod.metadata?.labels?.[markerLabels.session] !== undefined;
}

/**
 * Whether an agent pod keeps its workload swapped. One on its way out does not, unless it serves until its original is
 * back; nor does one that a restore has retired, or that only reads an environment: both lack the workload's label.
 */
export function holdsWorkload(pod: Pod): boolean {
  const state = readAgentFacts(pod)?.state;
  if (pod.metadata?.labels?.[markerLabels.workload] === undefined) return false;
  return state === "restoring" ? !isFinished(pod) : state === "agent" && isActive(pod);
}
