import { SwapError } from "../../src/error.ts";
import { markerLabels, readAgentFacts } from "../../src/plan/markers.ts";
import type { Pod } from "../kube/objects.ts";

/**
 * Two sessions that start on one workload at the same moment each see the other's agent pods: the one whose first pod is
 * older stays, by the server's clock, and the session's id decides between equals.
 * @param agents agent pods of the workload, of all sessions.
 * @throws SwapError conflict in the session that has to go.
 */
export function yieldToEarlier(agents: readonly Pod[], own: string): void {
  const sessionOf = (pod: Pod): string => pod.metadata?.labels?.[markerLabels.session] ?? "";
  const age = (pod: Pod): string => `${pod.metadata?.creationTimestamp}/${sessionOf(pod)}`;
  const living = agents.filter((pod) => readAgentFacts(pod)?.state === "agent" && !isOver(pod));
  const [first] = living.toSorted((a, b) => (age(a) < age(b) ? -1 : 1));
  if (first === undefined || sessionOf(first) === own) return;
  const { holder = "somebody", host = "another machine" } = readAgentFacts(first) ?? {};
  throw new SwapError("conflict", `${holder} on ${host} began to swap this workload at the same moment`, {
    hint: "agree who goes first, or use --takeover",
  });
}

function isOver(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined || ["Succeeded", "Failed"].includes(pod.status?.phase ?? "");
}
