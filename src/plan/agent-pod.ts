import type { V1Pod, V1PodSpec, V1PodTemplateSpec } from "@kubernetes/client-node";
import { SwapError } from "../error.ts";
import { type AgentPorts, chooseAgentPorts } from "./agent-ports.ts";
import { chooseContainer } from "./container.ts";
import { type AgentImage, type DeliveryKind, planDelivery } from "./delivery.ts";
import { withFixedLabels } from "./fixed-labels.ts";
import { type Label, formatPorts, markerAnnotations, markerLabels } from "./markers.ts";
import { agentPodName, agentPodPrefix, workloadLabel } from "./names.ts";
import { isNativeSidecar, planInitContainer, planNeighbour } from "./neighbour.ts";
import type { PortPlan } from "./ports.ts";
import type { Raw } from "./raw.ts";
import { withAgentMemory } from "./resources.ts";
import { planTargetContainer } from "./target-container.ts";

export interface AgentPodInput {
  namespace: string;
  workload: { kind: string; name: string };
  /** The ReplicaSet whose template this is. */
  replicaSet: string;
  template: Raw<V1PodTemplateSpec>;
  /** Left off the pod, so that its controller does not count it before it is Ready. */
  withheld: Label;
  container: string;
  session: AgentSession;
  /** Ports that the local process takes over. */
  ports: readonly PortPlan[];
  options: AgentPodOptions;
}

export interface AgentSession {
  /** Valid as a label's value. */
  id: string;
  publicKey: string;
  /** Who swaps, as the cluster knows them. */
  holder: string;
  host: string;
  createdAt: Date;
}

export interface AgentPodOptions {
  image: AgentImage;
  delivery: DeliveryKind;
  /** How long the agent outlives its client's silence. */
  graceMs: number;
  /** The last backstop (`activeDeadlineSeconds`, counted from the pod's start); 12 hours unless told. */
  maxAgeSeconds?: number;
  /**
   * The end of the pod's name; without it the API server chooses one. Pods on the host's network take their agent's
   * ports by it, so that several of one session can be on one node.
   */
  nameSuffix?: string;
}

export interface AgentPodPlan {
  pod: Raw<V1Pod>;
  agentPorts: AgentPorts;
}

/** Deleted last among equals: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost */
const deletionCost = { "controller.kubernetes.io/pod-deletion-cost": "2147483647" };

const defaultMaxAgeSeconds = 12 * 60 * 60;

/** The agent lets requests finish; it ends as soon as they have. */
const drainSeconds = 30;

/** With other containers, which may ignore SIGTERM, the pod's end and so the original's return takes this long. */
const drainSecondsWithOthers = 2;

/** A safe sysctl (Pod Security "baseline" allows it): an agent without privileges may listen below port 1024. */
const anyPort = { name: "net.ipv4.ip_unprivileged_port_start", value: "0" };

/**
 * The pod that takes an original's place: the template's, with the agent as the target container's process, without the
 * label that its controller counts by. What is not named here stays as the template has it, fields unknown to us
 * included: service account, scheduling, volumes, host ports, finalizers (whose controllers treat it as any pod of the
 * workload) and readiness gates (their conditions come from outside, say from a load balancer that knows the pod now;
 * without them the pod would be Ready before requests can reach it).
 *
 * @throws SwapError unsupported for Windows pods and for containers that mount something at the agent's place,
 *   not-found for an unknown container
 */
export function planAgentPod(input: AgentPodInput): AgentPodPlan {
  const { template, options, session } = input;
  const original = structuredClone(template.spec ?? { containers: [] });
  refuseWindows(original);
  const agentPorts = chooseAgentPorts(
    original,
    input.ports.map((port) => port.remote),
    `${session.id}/${options.nameSuffix ?? input.workload.name}`,
  );
  const spec = planContainers(input, original, agentPorts);
  spec.restartPolicy = "Never";
  spec.activeDeadlineSeconds = options.maxAgeSeconds ?? defaultMaxAgeSeconds;
  spec.terminationGracePeriodSeconds = hasOthers(original) ? drainSecondsWithOthers : drainSeconds;
  delete spec.ephemeralContainers;
  allowAnyPort(spec);
  const fixed = withFixedLabels(spec, { [input.withheld.key]: input.withheld.value });
  return { pod: { apiVersion: "v1", kind: "Pod", metadata: planMetadata(input, agentPorts), spec: fixed }, agentPorts };
}

function planMetadata(input: AgentPodInput, agentPorts: AgentPorts): NonNullable<Raw<V1Pod>["metadata"]> {
  const { workload, template, options, session, withheld } = input;
  const labels = { ...template.metadata?.labels };
  delete labels[withheld.key];
  const finalizers = template.metadata?.finalizers;
  const name =
    options.nameSuffix === undefined
      ? { generateName: agentPodPrefix(workload.name) }
      : { name: agentPodName(workload.name, options.nameSuffix) };
  return {
    ...name,
    namespace: input.namespace,
    labels: {
      ...labels,
      [markerLabels.session]: session.id,
      [markerLabels.workload]: workloadLabel(workload),
      [markerLabels.state]: "agent",
    },
    annotations: {
      ...template.metadata?.annotations,
      ...deletionCost,
      [markerAnnotations.target]: `${workload.kind.toLowerCase()}/${workload.name}/${input.container}`,
      [markerAnnotations.replicaSet]: input.replicaSet,
      [markerAnnotations.withheld]: `${withheld.key}=${withheld.value}`,
      [markerAnnotations.holder]: session.holder,
      [markerAnnotations.host]: session.host,
      [markerAnnotations.created]: session.createdAt.toISOString(),
      [markerAnnotations.ports]: formatPorts(input.ports),
      [markerAnnotations.grace]: `${options.graceMs}`,
      [markerAnnotations.tunnelPort]: `${agentPorts.tunnel}`,
      [markerAnnotations.healthPort]: `${agentPorts.health}`,
    },
    ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
  };
}

/** The target's command and the others' probes, with the agent's volume between them. */
function planContainers(input: AgentPodInput, original: Raw<V1PodSpec>, ports: AgentPorts): Raw<V1PodSpec> {
  const { options, session } = input;
  const copied = options.delivery === "init-container";
  const run = { session: session.id, publicKey: session.publicKey, graceMs: options.graceMs, ports, copied };
  const target = planTargetContainer(chooseContainer(input.template, input.container), run);
  const delivery = planDelivery(options.delivery, options.image, original, target);
  target.volumeMounts = [...(target.volumeMounts ?? []), delivery.mount];
  const spec = { ...original };
  spec.containers = original.containers.map((container) =>
    container.name === target.name ? target : planNeighbour(container, ports.health),
  );
  spec.volumes = [...(original.volumes ?? []), delivery.volume];
  const initContainers = (original.initContainers ?? []).map(planInitContainer);
  if (delivery.initContainer !== undefined) initContainers.unshift(delivery.initContainer);
  if (initContainers.length > 0) spec.initContainers = initContainers;
  if (original.resources !== undefined) spec.resources = withAgentMemory(original.resources);
  return spec;
}

function hasOthers(spec: Raw<V1PodSpec>): boolean {
  return spec.containers.length > 1 || (spec.initContainers ?? []).some(isNativeSidecar);
}

function allowAnyPort(spec: Raw<V1PodSpec>): void {
  // a pod on the host's network may not set its sysctls
  if (spec.hostNetwork === true) return;
  const sysctls = spec.securityContext?.sysctls ?? [];
  if (sysctls.some((sysctl) => sysctl.name === anyPort.name)) return;
  spec.securityContext = { ...spec.securityContext, sysctls: [...sysctls, { ...anyPort }] };
}

function refuseWindows(spec: Raw<V1PodSpec>): void {
  if (spec.os?.name !== "windows" && spec.nodeSelector?.["kubernetes.io/os"] !== "windows") return;
  throw new SwapError("unsupported", "the workload runs on Windows nodes, and the agent runs on Linux", {
    hint: "swap a workload that runs on Linux nodes",
  });
}
