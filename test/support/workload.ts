import type { Namespace } from "./namespace.ts";

/** Waits until every replica of a Deployment (or ReplicaSet) is Ready. */
export async function allReady(ns: Namespace, target = "deployment/api", replicas = 1): Promise<void> {
  await ns.kubectl("wait", target, `--for=jsonpath={.status.readyReplicas}=${replicas}`, "--timeout=90s");
}
