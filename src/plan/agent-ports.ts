import { createHash } from "node:crypto";
import type { V1PodSpec } from "@kubernetes/client-node";
import type { Raw } from "./raw.ts";

/** The agent's own listening ports in the pod. */
export interface AgentPorts {
  /** On 127.0.0.1: the port-forward's end. */
  tunnel: number;
  /** On all addresses: /live and /ready for the kubelet. */
  health: number;
}

/**
 * Below the range of outgoing connections (32768 and up by Linux's default), one of which might hold the port when the
 * agent wants it, and below NodePorts (30000 and up). Above the ports that meshes use (4140–4191, 15000–15090).
 */
const first = 28100;
const span = 1800;

/**
 * Chooses two ports that no container of the pod declares and that are not in `taken`. Pods on the host's network share
 * ports with every other pod there, so that those start from a place of their own, by `seed`.
 */
export function chooseAgentPorts(spec: Raw<V1PodSpec>, taken: readonly number[], seed: string): AgentPorts {
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const used = new Set(taken);
  for (const port of containers.flatMap((container) => container.ports ?? [])) {
    used.add(port.containerPort);
    if (port.hostPort !== undefined) used.add(port.hostPort);
  }
  let offset = spec.hostNetwork === true ? createHash("sha256").update(seed).digest().readUInt16BE() % span : 0;
  const next = () => {
    while (used.has(first + offset)) offset = (offset + 1) % span;
    used.add(first + offset);
    return first + offset;
  };
  return { tunnel: next(), health: next() };
}
