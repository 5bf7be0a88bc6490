import type { V1Pod } from "@kubernetes/client-node";
import type { Raw } from "./raw.ts";

/** The prefix of every label and annotation that is ours. */
export const markerPrefix = "swap.dev/";

/** Labels: what pods of ours are found by. */
export const markerLabels = {
  /** The session's id. */
  session: "swap.dev/session",
  /** `kind.name` of the workload in label-safe form: see `workloadLabel`. */
  workload: "swap.dev/workload",
  /** A `PodState`. */
  state: "swap.dev/state",
} as const;

/**
 * - agent: an agent pod in service or on its way there
 * - restoring: an agent pod that has left its controller and serves until the original is Ready
 * - released: an original that has left its controller and ends by its deadline
 */
export type PodState = "agent" | "restoring" | "released";

/** Annotations: what `swap status` and `swap restore` on any machine learn from the pod. */
export const markerAnnotations = {
  target: "swap.dev/target",
  replicaSet: "swap.dev/replica-set",
  withheld: "swap.dev/withheld",
  holder: "swap.dev/holder",
  host: "swap.dev/host",
  created: "swap.dev/created",
  ports: "swap.dev/ports",
  grace: "swap.dev/grace",
  tunnelPort: "swap.dev/tunnel-port",
  healthPort: "swap.dev/health-port",
} as const;

/** A label and its value: the one that a controller counts its pods by, and that is withheld from a new agent pod. */
export interface Label {
  key: string;
  value: string;
}

/** What an agent pod's own marks say about its session. Missing or malformed marks are left out, never guessed. */
export interface AgentFacts {
  session: string;
  state: PodState;
  /** `kind/name/container` with the kind in lower case, as the command line takes it. */
  target?: string;
  replicaSet?: string;
  withheld?: Label;
  holder?: string;
  host?: string;
  /** RFC 3339. */
  created?: string;
  /** `local:remote` pairs of TCP ports. */
  ports: { local: number; remote: number }[];
  graceMs?: number;
  tunnelPort?: number;
  healthPort?: number;
}

/** Reads the marks of a pod; undefined for a pod that carries no session of ours. Anybody may have written them. */
export function readAgentFacts(pod: Raw<V1Pod>): AgentFacts | undefined {
  const labels = pod.metadata?.labels ?? {};
  const annotations = pod.metadata?.annotations ?? {};
  const session = labels[markerLabels.session];
  if (session === undefined) return undefined;
  const facts: AgentFacts = {
    session,
    state: stateOf(labels[markerLabels.state]),
    ports: portsOf(annotations[markerAnnotations.ports]),
  };
  for (const key of ["target", "replicaSet", "holder", "host", "created"] as const) {
    const value = annotations[markerAnnotations[key]];
    if (value !== undefined) facts[key] = value;
  }
  const withheld = /^([^=]+)=(.*)$/.exec(annotations[markerAnnotations.withheld] ?? "");
  if (withheld?.[1] !== undefined) facts.withheld = { key: withheld[1], value: withheld[2] ?? "" };
  const graceMs = wholeNumber(annotations[markerAnnotations.grace], Number.MAX_SAFE_INTEGER);
  const tunnelPort = wholeNumber(annotations[markerAnnotations.tunnelPort], 65535);
  const healthPort = wholeNumber(annotations[markerAnnotations.healthPort], 65535);
  if (graceMs !== undefined) facts.graceMs = graceMs;
  if (tunnelPort !== undefined) facts.tunnelPort = tunnelPort;
  if (healthPort !== undefined) facts.healthPort = healthPort;
  return facts;
}

function stateOf(label: string | undefined): PodState {
  return label === "restoring" || label === "released" ? label : "agent";
}

/** The annotation form of port pairs, `local:remote,…`. */
export function formatPorts(ports: readonly { local: number; remote: number }[]): string {
  return ports.map(({ local, remote }) => `${local}:${remote}`).join(",");
}

function portsOf(annotation: string | undefined): { local: number; remote: number }[] {
  const ports = [];
  for (const pair of (annotation ?? "").split(",")) {
    const [local, remote] = pair.split(":").map((text) => wholeNumber(text, 65535));
    if (local !== undefined && remote !== undefined) ports.push({ local, remote });
  }
  return ports;
}

function wholeNumber(text: string | undefined, greatest: number): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= 1 && value <= greatest ? value : undefined;
}
