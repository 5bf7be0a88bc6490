import { kubectlJson } from "./kubectl.ts";
import type { Namespace } from "./namespace.ts";

interface Stored {
  metadata: { name: string; resourceVersion?: string; managedFields?: { manager?: string; subresource?: string }[] };
  status?: unknown;
}

/**
 * All Deployments and ReplicaSets of a namespace as text, byte for byte comparable: less `status`, the
 * `resourceVersion`, and the entry of managed fields by which the controller accounts for that status.
 */
export async function workloadSnapshot(ns: Namespace): Promise<string> {
  const args = ["-n", ns.name, "get", "deployments,replicasets", "--show-managed-fields"];
  const { items } = await kubectlJson<{ items: Stored[] }>(args);
  return JSON.stringify(items.map(withoutStatus), null, 1);
}

function withoutStatus({ status: _status, ...stored }: Stored): object {
  const { resourceVersion: _version, managedFields, ...metadata } = stored.metadata;
  const kept = managedFields?.filter(
    ({ manager, subresource }) => !(manager === "kube-controller-manager" && subresource === "status"),
  );
  return { ...stored, metadata: { ...metadata, managedFields: kept } };
}
