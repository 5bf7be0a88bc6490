import type { V1Deployment, V1LabelSelector, V1PodTemplateSpec, V1ReplicaSet } from "@kubernetes/client-node";
import { SwapError } from "../error.ts";
import type { Label } from "./markers.ts";
import type { Raw } from "./raw.ts";

/** The number of a Deployment's rollout, on the Deployment and on each of its ReplicaSets. */
const revisionAnnotation = "deployment.kubernetes.io/revision";

/** Labels that exist only to tell one ReplicaSet's pods from another's: no Service selects by them. */
const hashLabels = ["pod-template-hash", "rollouts-pod-template-hash"];

/** Whether a pod may lose this label and stay with its Services. */
export function isHashLabel(key: string): boolean {
  return hashLabels.includes(key);
}

/** What a controller makes pods from, and what it counts them by. */
export interface TemplateChoice {
  replicaSet: Raw<V1ReplicaSet>;
  template: Raw<V1PodTemplateSpec>;
  /** The label without which a pod of this template is not the controller's. */
  withheld: Label;
  /** False where a Service selects by the withheld label too: a pod without it gets no requests. */
  servesWithout: boolean;
  /** How many replicas the workload wants. */
  replicas: number;
}

/**
 * The template that a Deployment's controller uses now: that of the ReplicaSet with the Deployment's revision. It
 * differs from the Deployment's own while that is paused, and it carries the pod-template-hash label.
 *
 * @throws SwapError not-ready when there is no ReplicaSet yet
 */
export function selectDeploymentTemplate(
  deployment: Raw<V1Deployment>,
  replicaSets: readonly Raw<V1ReplicaSet>[],
): TemplateChoice {
  const uid = deployment.metadata?.uid;
  const name = deployment.metadata?.name ?? "";
  const owned = replicaSets.filter((replicaSet) =>
    replicaSet.metadata?.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid),
  );
  const current = revisionOf(deployment);
  const newestFirst = owned.sort((a, b) => revisionOf(b) - revisionOf(a));
  const replicaSet = newestFirst.find((candidate) => revisionOf(candidate) === current) ?? newestFirst[0];
  if (replicaSet === undefined) {
    throw new SwapError("not-ready", `deployment ${name} has no ReplicaSet yet`, {
      hint: `see: kubectl describe deployment ${name}`,
    });
  }
  return { ...choiceOf(replicaSet, []), replicas: deployment.spec?.replicas ?? 1 };
}

/**
 * The template of a ReplicaSet that no Deployment owns.
 *
 * @param serviceSelectors selectors of the namespace's Services, where they can be read: the withheld label is then one
 *   that none of them asks for, if there is such a one
 * @throws SwapError usage for a Deployment's ReplicaSet, unsupported where no label can be withheld
 */
export function selectReplicaSetTemplate(
  replicaSet: Raw<V1ReplicaSet>,
  serviceSelectors: readonly Record<string, string>[] = [],
): TemplateChoice {
  const owner = replicaSet.metadata?.ownerReferences?.find((reference) => reference.controller === true);
  if (owner?.kind === "Deployment") {
    const name = replicaSet.metadata?.name ?? "";
    throw new SwapError("usage", `replicaset ${name} belongs to deployment ${owner.name}`, {
      hint: `swap deploy/${owner.name} instead`,
    });
  }
  return { ...choiceOf(replicaSet, serviceSelectors), replicas: replicaSet.spec?.replicas ?? 1 };
}

function choiceOf(
  replicaSet: Raw<V1ReplicaSet>,
  serviceSelectors: readonly Record<string, string>[],
): Omit<TemplateChoice, "replicas"> {
  const template = replicaSet.spec?.template;
  const labels = template?.metadata?.labels ?? {};
  const served = new Set(serviceSelectors.flatMap((selector) => Object.keys(selector)));
  const candidates = selectingKeys(replicaSet.spec?.selector).filter((key) => labels[key] !== undefined);
  const key = candidates.find(isHashLabel) ?? candidates.find((candidate) => !served.has(candidate)) ?? candidates[0];
  const value = key === undefined ? undefined : labels[key];
  if (template === undefined || key === undefined || value === undefined) {
    throw new SwapError("unsupported", `replicaset ${replicaSet.metadata?.name ?? ""} selects its pods by no label`);
  }
  const knownUnserved = serviceSelectors.length > 0 && !served.has(key);
  return { replicaSet, template, withheld: { key, value }, servesWithout: isHashLabel(key) || knownUnserved };
}

/** The keys that a pod must carry to match: one without them is let go. */
function selectingKeys(selector: Raw<V1LabelSelector> | undefined): string[] {
  const expressions = selector?.matchExpressions ?? [];
  const needed = expressions.filter(({ operator }) => operator === "In" || operator === "Exists");
  return [...Object.keys(selector?.matchLabels ?? {}), ...needed.map(({ key }) => key)];
}

function revisionOf(object: Raw<V1Deployment> | Raw<V1ReplicaSet>): number {
  const text = object.metadata?.annotations?.[revisionAnnotation] ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
