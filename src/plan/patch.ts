import type { V1Pod } from "@kubernetes/client-node";
import { type Label, type PodState, markerLabels, markerPrefix } from "./markers.ts";
import { workloadLabel } from "./names.ts";
import type { MergePatch, Raw } from "./raw.ts";

/**
 * JSON merge patches of pods. Each carries the pod's uid: where another pod has taken the name meanwhile, the API
 * server answers 422 ("metadata.uid: field is immutable") and changes nothing; where none has, 404.
 */
function guarded(pod: Raw<V1Pod>, metadata: MergePatch): MergePatch {
  const uid = pod.metadata?.uid;
  return { metadata: { ...(uid === undefined ? {} : { uid }), ...metadata } };
}

/** Gives an agent pod the label that was withheld: its controller adopts it, and has one pod too many. */
export function planAdopt(agentPod: Raw<V1Pod>, withheld: Label): MergePatch {
  return guarded(agentPod, { labels: { [withheld.key]: withheld.value } });
}

export interface ReleaseOptions {
  /** By the API server's clock (its `Date` header). */
  now: Date;
  /** How long the original may go on, at most. */
  boundSeconds: number;
  withheld: Label;
  session: string;
  /** Labels the original with its workload, too, so that it is found and swept by that. */
  workload?: { kind: string; name: string };
}

/**
 * Takes an original out of its controller's count while it serves on, and bounds its life in the same write, so that a
 * client that dies now leaves no orphan. There is no way back: the kubelet counts `activeDeadlineSeconds` from
 * `status.startTime`, and the API server lets nobody raise or remove it.
 */
export function planRelease(original: Raw<V1Pod>, options: ReleaseOptions): MergePatch {
  const started = Date.parse(original.status?.startTime ?? "");
  const ageMs = Number.isNaN(started) ? 0 : Math.max(0, options.now.getTime() - started);
  const wanted = Math.ceil(ageMs / 1000) + Math.ceil(options.boundSeconds);
  const existing = original.spec?.activeDeadlineSeconds ?? Number.POSITIVE_INFINITY;
  const state: PodState = "released";
  const patch = guarded(original, {
    labels: {
      [options.withheld.key]: null,
      [markerLabels.session]: options.session,
      ...(options.workload === undefined ? {} : { [markerLabels.workload]: workloadLabel(options.workload) }),
      [markerLabels.state]: state,
    },
  });
  return wanted < existing ? { ...patch, spec: { activeDeadlineSeconds: wanted } } : patch;
}

/**
 * Takes every label off a released original except ours, by which it is swept: Services stop sending to it.
 */
export function planUnlabel(original: Raw<V1Pod>): MergePatch {
  const foreign = Object.keys(original.metadata?.labels ?? {}).filter((key) => !key.startsWith(markerPrefix));
  return guarded(original, { labels: Object.fromEntries(foreign.map((key) => [key, null])) });
}

/**
 * Takes every label off an agent pod except its session's: Services stop sending to it, and its workload is free for the
 * next session although the pod may take a moment to end.
 */
export function planRetire(agentPod: Raw<V1Pod>): MergePatch {
  const others = Object.keys(agentPod.metadata?.labels ?? {}).filter((key) => key !== markerLabels.session);
  return guarded(agentPod, { labels: Object.fromEntries(others.map((key) => [key, null])) });
}

/**
 * Takes an agent pod out of its controller's count, which then makes an original; the agent serves on by its other
 * labels until that one is Ready.
 */
export function planRestoreRelease(agentPod: Raw<V1Pod>, withheld: Label): MergePatch {
  const state: PodState = "restoring";
  return guarded(agentPod, { labels: { [withheld.key]: null, [markerLabels.state]: state } });
}
