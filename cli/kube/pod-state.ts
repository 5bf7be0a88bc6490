import type { Pod } from "./objects.ts";

/** Counted by its controller: neither finished nor on its way out (as controller_utils.go's IsPodActive has it). */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** Since when the pod has been Ready, in ms since the epoch; undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find(({ type, status }) => type === "Ready" && status === "True");
  return ready?.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : undefined;
}

export function isControlledBy(pod: Pod, uid: string): boolean {
  return pod.metadata?.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid) ?? false;
}

export function isRunning(pod: Pod, container: string): boolean {
  return pod.status?.containerStatuses?.some(({ name, state }) => name === container && state?.running) ?? false;
}

/** Any of its containers, init containers included, has run. */
export function hasStarted(pod: Pod): boolean {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated);
}

const harmlessWaits = new Set(["ContainerCreating", "PodInitializing"]);

/** Why a pod does not get on, in the cluster's own words, or undefined when nothing is wrong (yet). */
export function trouble(pod: Pod): string | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status === "False") return `${scheduled.reason}: ${scheduled.message}`;
  if (pod.status?.phase === "Failed" && pod.status.reason) return `${pod.status.reason}: ${pod.status.message ?? ""}`;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const { name, state } of statuses) {
    const waiting = state?.waiting;
    if (waiting?.reason && !harmlessWaits.has(waiting.reason)) {
      return `container ${name}: ${waiting.reason}${waiting.message ? `: ${waiting.message}` : ""}`;
    }
    const ended = state?.terminated;
    if (ended && ended.exitCode !== 0) {
      return `container ${name} ended with status ${ended.exitCode}${ended.message ? `: ${ended.message.trim()}` : ""}`;
    }
  }
  return undefined;
}
