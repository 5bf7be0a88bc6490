import type { V1Container } from "@kubernetes/client-node";
import type { Raw } from "./raw.ts";

/**
 * An ordinary container beside the target. It must end when the agent has ended, else the pod would stay Running and
 * its controller would make no original: its liveness is the agent's (a probe may ask any port of the pod), and the
 * agent pod's restart policy Never keeps it down. Its readiness stays its own, because the pod must not be Ready before,
 * say, a mesh's proxy is.
 */
export function planNeighbour(original: Raw<V1Container>, healthPort: number): Raw<V1Container> {
  const container = withoutPreStop(original);
  const httpGet = { path: "/live", port: healthPort };
  // refused connections fail at once; the timeout is for an agent on a busy node, whose neighbours must not be killed
  const probe = { periodSeconds: 1, timeoutSeconds: 5, successThreshold: 1 };
  container.startupProbe = { httpGet, ...probe, failureThreshold: 600 };
  container.livenessProbe = { httpGet, ...probe, failureThreshold: 2 };
  delete container.restartPolicy;
  delete container.restartPolicyRules;
  delete container.resizePolicy;
  return container;
}

/**
 * An init container: as it is, for it ran for the original too. A native sidecar (restartPolicy Always; KEP-753) keeps
 * its own probes, since the kubelet ends it after the last ordinary container.
 */
export function planInitContainer(original: Raw<V1Container>): Raw<V1Container> {
  const container = withoutPreStop(original);
  // the API server refuses RestartContainer in a pod that never restarts, even for a native sidecar
  delete container.resizePolicy;
  return container;
}

export function isNativeSidecar(container: Raw<V1Container>): boolean {
  return container.restartPolicy === "Always";
}

/** A preStop hook would hold up the end for as long as the pod's grace lasts, and a sleep beyond that is refused. */
function withoutPreStop(original: Raw<V1Container>): Raw<V1Container> {
  const container = structuredClone(original);
  if (container.lifecycle?.preStop === undefined) return container;
  delete container.lifecycle.preStop;
  if (Object.keys(container.lifecycle).length === 0) delete container.lifecycle;
  return container;
}
