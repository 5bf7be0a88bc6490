import { hostname } from "node:os";
import { SwapError } from "../../src/error.ts";
import { chooseContainer } from "../../src/plan/container.ts";
import { readAgentFacts, markerLabels } from "../../src/plan/markers.ts";
import { workloadLabel } from "../../src/plan/names.ts";
import type { PortMapping } from "../../src/plan/port-mapping.ts";
import { choosePorts, type PortPlan, type SkippedPort } from "../../src/plan/ports.ts";
import type { Target } from "../../src/plan/target.ts";
import { selectDeploymentTemplate, selectReplicaSetTemplate, type TemplateChoice } from "../../src/plan/template.ts";
import type { Progress } from "../progress.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Deployment, EndpointSlice, Pod, ReplicaSet } from "../kube/objects.ts";
import { endpointSlicesPath, podsPath } from "../kube/paths.ts";
import { isFinished, isReady, trouble } from "../kube/pod-state.ts";
import { formatRight, missingRights, swapRights, whoAmI } from "../kube/rights.ts";
import { deletePod } from "./take-over.ts";
import { holdsWorkload, originalsOf, readReplicaSets, readWorkload, type Workload } from "./workload.ts";

/** Everything that is known of a target before anything changes. */
export interface Prepared {
  readonly workload: Workload;
  readonly replicaSets: readonly ReplicaSet[];
  readonly choice: TemplateChoice;
  readonly container: string;
  readonly originals: readonly Pod[];
  readonly ports: readonly PortPlan[];
  readonly skipped: readonly SkippedPort[];
  /** Agent pods of other sessions that hold the workload now. */
  readonly held: readonly Pod[];
  /** Agent pods of earlier sessions that have ended: see `sweep`. */
  readonly finished: readonly Pod[];
  readonly holder: string;
  readonly host: string;
  readonly canReadEndpoints: boolean;
}

/**
 * Reads the target and everything around it.
 * @throws SwapError not-found, usage, forbidden (naming verb and resource), unsupported or not-ready.
 */
export async function prepare(
  client: KubeClient,
  namespace: string,
  target: Target,
  mappings: readonly PortMapping[],
  progress: Progress,
  signal: AbortSignal,
): Promise<Prepared> {
  const missing = await checkRights(client, namespace, target, progress, signal);
  const canReadEndpoints = !missing.has("endpointslices");
  const [workload, holder] = await Promise.all([
    readWorkload(client, namespace, target, signal),
    whoAmI(client, signal),
  ]);
  if (workload.desired === 0) {
    throw new SwapError(
      "not-ready",
      `${target.kind} ${target.name} has 0 replicas, so there is no pod to take the place of`,
      {
        hint: `scale it up first: kubectl scale -n ${namespace} ${target.kind.toLowerCase()}/${target.name} --replicas=1`,
      },
    );
  }
  const query = { labelSelector: workload.selector };
  const mine = { labelSelector: `${markerLabels.workload}=${workloadLabel(workload)}` };
  const [replicaSets, pods, ours, slices] = await Promise.all([
    readReplicaSets(client, workload, signal),
    client.list<Pod>(podsPath(namespace), { query, signal }),
    client.list<Pod>(podsPath(namespace), { query: mine, signal }),
    canReadEndpoints ? client.list<EndpointSlice>(endpointSlicesPath(namespace), { signal }) : { items: [] },
  ]);
  const choice = chooseTemplate(workload, replicaSets);
  const container = chooseContainer(choice.template, target.container).name;
  const originals = originalsOf(pods.items, replicaSets);
  const names = [...originals, ...ours.items].map(({ metadata }) => metadata?.name ?? "");
  const { ports, skipped } = choosePorts({
    template: choice.template,
    container,
    endpointSlices: slices.items,
    pods: names,
    mappings,
  });
  const held = ours.items.filter(holdsWorkload);
  return {
    workload,
    replicaSets,
    choice,
    container,
    originals,
    ports,
    skipped,
    held,
    finished: ours.items.filter(isFinished),
    holder,
    canReadEndpoints,
    host: hostname(),
  };
}

/** @returns the resources that swap can do without and may not read. */
async function checkRights(
  client: KubeClient,
  namespace: string,
  target: Target,
  progress: Progress,
  signal: AbortSignal,
): Promise<Set<string>> {
  const wanted = swapRights.filter(({ resource }) => target.kind === "Deployment" || resource !== "deployments");
  const missing = await missingRights(client, namespace, wanted, signal);
  const needed = missing.filter(({ without }) => without === undefined);
  if (needed.length > 0) {
    throw new SwapError(
      "forbidden",
      `you lack rights in namespace ${namespace}: ${needed.map(formatRight).join(", ")}`,
      {
        hint: 'ask an administrator for the Role in the README under "Rights"; nothing was changed',
      },
    );
  }
  for (const right of missing) progress.warn(`without the right to ${formatRight(right)} ${right.without}`);
  return new Set(missing.map(({ resource }) => resource));
}

function chooseTemplate(workload: Workload, replicaSets: readonly ReplicaSet[]): TemplateChoice {
  return workload.kind === "Deployment"
    ? selectDeploymentTemplate(workload.object as Deployment, replicaSets)
    : selectReplicaSetTemplate(workload.object as ReplicaSet);
}

/** Deletes finished agent pods of earlier sessions: nothing else does. */
export async function sweep(client: KubeClient, { finished }: Prepared, signal: AbortSignal): Promise<void> {
  await Promise.all(finished.map((pod) => deletePod(client, pod, 0, signal)));
}

/** The refusal of a target that somebody holds: who, where, since when. */
export function heldBy(pod: Pod, target: string, now: number): SwapError {
  const facts = readAgentFacts(pod);
  const minutes = Math.max(0, Math.round((now - Date.parse(facts?.created ?? "")) / 60_000));
  const who = facts?.holder ?? "an unknown user";
  return new SwapError(
    "conflict",
    `${target} is swapped already by ${who} on ${facts?.host ?? "an unknown machine"}, for ${minutes} min`,
    {
      hint: "ask them to end it, end it with `swap restore`, or take it over with --takeover",
    },
  );
}

/** Why none of the originals is Ready, in the cluster's words; undefined when one is. */
export function notReadyReason(originals: readonly Pod[]): string | undefined {
  if (originals.some(isReady)) return undefined;
  if (originals.length === 0) return "it has no pods";
  return originals.map((pod) => trouble(pod)).find((reason) => reason !== undefined) ?? "its pods are not Ready";
}
