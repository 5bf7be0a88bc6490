import { markerLabels, readAgentFacts, type AgentFacts } from "../../src/plan/markers.ts";
import { askStatus } from "../../src/tunnel/client-handshake.ts";
import type { AgentStatus } from "../../src/wire/agent-status.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Pod } from "../kube/objects.ts";
import { allPodsPath, podsPath } from "../kube/paths.ts";
import { isFinished, isReady, trouble } from "../kube/pod-state.ts";
import { portForward } from "../kube/port-forward.ts";

/** An agent that does not answer within this is shown without its own figures. */
const askTimeoutMs = 3000;

/** One session as the cluster knows it. */
export interface SessionStatus {
  readonly target: string;
  readonly namespace: string;
  readonly session: string;
  readonly holder: string;
  readonly host: string;
  /** RFC 3339. */
  readonly created: string;
  readonly ageSeconds: number;
  readonly ports: readonly { readonly local: number; readonly remote: number }[];
  readonly replicas: number;
  readonly state: "starting" | "swapped" | "silent" | "restoring" | "finished";
  readonly connections: { readonly open: number; readonly total: number };
  readonly bytes: { readonly in: number; readonly out: number };
  /** How long until the agents give up, in ms, while their client is silent. */
  readonly graceLeftMs: number | undefined;
  readonly pods: readonly PodStatus[];
}

export interface PodStatus {
  readonly name: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly trouble: string | undefined;
  readonly agent: AgentStatus | undefined;
}

/** Lists the sessions of a namespace (all if undefined), from the pods' marks and the agents' own words. */
export async function listSessions(
  client: KubeClient,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<SessionStatus[]> {
  const path = namespace === undefined ? allPodsPath : podsPath(namespace);
  // What a restore has retired holds no workload any more: it is only on its way out.
  const labelSelector = `${markerLabels.session},${markerLabels.workload}`;
  const pods = await client.list<Pod>(path, { query: { labelSelector }, signal });
  const agents = pods.items.filter((pod) => readAgentFacts(pod)?.target !== undefined);
  const asked = await Promise.all(agents.map(async (pod) => ({ pod, agent: await ask(client, pod, signal) })));
  const sessions = Map.groupBy(asked, ({ pod }) => `${pod.metadata?.namespace}/${readAgentFacts(pod)?.session}`);
  return [...sessions.values()].map((members) => describeSession(members, client.serverNow()));
}

async function ask(client: KubeClient, pod: Pod, signal: AbortSignal): Promise<AgentStatus | undefined> {
  const port = readAgentFacts(pod)?.tunnelPort;
  if (port === undefined || pod.status?.phase !== "Running") return undefined;
  const { namespace = "", name = "" } = pod.metadata ?? {};
  const limited = AbortSignal.any([signal, AbortSignal.timeout(askTimeoutMs)]);
  try {
    return await askStatus(await portForward(client, { namespace, name }, port, limited), { signal: limited });
  } catch {
    signal.throwIfAborted();
    // Its pod is shown all the same: the marks tell who and since when.
    return undefined;
  }
}

type Member = { readonly pod: Pod; readonly agent: AgentStatus | undefined };

/** Pure: one session out of its pods. `now` in ms since the epoch, by the server's clock. */
export function describeSession(members: readonly Member[], now: number): SessionStatus {
  const facts = readAgentFacts(members[0]?.pod ?? {}) as AgentFacts;
  const answered = members.map(({ agent }) => agent).filter((agent) => agent !== undefined);
  const sum = (figure: (agent: AgentStatus) => number): number =>
    answered.reduce((total, agent) => total + figure(agent), 0);
  const silent = answered.filter(({ client }) => !client.connected);
  return {
    target: (facts.target ?? "").split("/").slice(0, 2).join("/"),
    namespace: members[0]?.pod.metadata?.namespace ?? "",
    session: facts.session,
    holder: facts.holder ?? "unknown",
    host: facts.host ?? "unknown",
    created: facts.created ?? "",
    ageSeconds: Math.max(0, Math.round((now - Date.parse(facts.created ?? "")) / 1000)) || 0,
    ports: facts.ports,
    replicas: members.length,
    state: stateOf(members, silent.length > 0),
    connections: {
      open: sum(({ connections }) => connections.open),
      total: sum(({ connections }) => connections.total),
    },
    bytes: { in: sum(({ bytes }) => bytes.in), out: sum(({ bytes }) => bytes.out) },
    graceLeftMs: silent.length > 0 ? Math.min(...silent.map(({ graceLeftMs }) => graceLeftMs)) : undefined,
    pods: members.map(({ pod, agent }) => ({
      name: pod.metadata?.name ?? "",
      phase: pod.status?.phase ?? "Unknown",
      ready: isReady(pod),
      trouble: trouble(pod),
      agent,
    })),
  };
}

function stateOf(members: readonly Member[], silent: boolean): SessionStatus["state"] {
  if (members.every(({ pod }) => isFinished(pod) || hasEnded(pod))) return "finished";
  if (members.some(({ pod }) => readAgentFacts(pod)?.state === "restoring")) return "restoring";
  if (silent) return "silent";
  return members.every(({ pod }) => isReady(pod) || isFinished(pod)) ? "swapped" : "starting";
}

/** The agent has exited, and the kubelet has not yet called the whole pod finished. */
function hasEnded(pod: Pod): boolean {
  const container = readAgentFacts(pod)?.target?.split("/")[2];
  return pod.status?.containerStatuses?.some(({ name, state }) => name === container && state?.terminated) ?? false;
}
