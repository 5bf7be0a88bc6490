import type { V1ResourceRequirements } from "@kubernetes/client-node";
import { formatBytes, parseQuantity } from "./quantity.ts";
import type { Raw } from "./raw.ts";

/** The agent runs in this much memory: measured with 800 connections, and 500 MB relayed. */
const leastMemoryBytes = 64 * 2 ** 20;

/** Room for a copy of the agent's tree (114 MB) in an emptyDir, which counts against the pod's ephemeral storage. */
const treeBytes = 160 * 2 ** 20;

/** The resources that an init container may ask for again: it runs before the target, so that the pod needs no more. */
const plainResources = ["cpu", "memory", "ephemeral-storage"];

/**
 * A container's resources with a memory limit in which the agent can run. Requests stay as they are: smaller ones would
 * inflate an autoscaler's utilisation, larger ones might not fit the quota.
 */
export function withAgentMemory(resources: Raw<V1ResourceRequirements>): Raw<V1ResourceRequirements> {
  return raiseLimit(resources, "memory", (bytes) => Math.max(bytes, leastMemoryBytes));
}

/** Resources with room for the copied agent within a limit of ephemeral storage. */
export function withAgentStorage(resources: Raw<V1ResourceRequirements>): Raw<V1ResourceRequirements> {
  return raiseLimit(resources, "ephemeral-storage", (bytes) => bytes + treeBytes);
}

function raiseLimit(
  resources: Raw<V1ResourceRequirements>,
  name: string,
  raise: (value: number) => number,
): Raw<V1ResourceRequirements> {
  const limit = resources.limits?.[name];
  const value = limit === undefined ? undefined : parseQuantity(limit);
  if (limit === undefined || value === undefined || raise(value) <= value) return resources;
  return {
    ...resources,
    limits: { ...resources.limits, [name]: formatBytes(raise(value)) },
    // the API server would default a missing request to the raised limit
    requests: { ...resources.requests, [name]: resources.requests?.[name] ?? limit },
  };
}

/**
 * What the agent's init container asks for: the target's cpu, memory and storage. They have passed the namespace's
 * LimitRange and quota, they keep the pod's QoS class, and they add nothing, since a pod needs the greater of its init
 * containers' and its containers' sum. Devices and claims are left out.
 */
export function initResources(target: Raw<V1ResourceRequirements> | undefined): Raw<V1ResourceRequirements> {
  const result: Raw<V1ResourceRequirements> = {};
  for (const part of ["limits", "requests"] as const) {
    const plain = Object.entries(target?.[part] ?? {}).filter(([name]) => plainResources.includes(name));
    if (plain.length > 0) result[part] = Object.fromEntries(plain);
  }
  return result;
}
