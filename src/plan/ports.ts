import type { V1Container, V1EndpointSlice, V1PodTemplateSpec } from "@kubernetes/client-node";
import { SwapError } from "../error.ts";
import type { PortMapping } from "./port-mapping.ts";
import type { Raw } from "./raw.ts";

/** A TCP port of the pod whose connections go to the local process. */
export interface PortPlan {
  remote: number;
  local: number;
  /** Why: the container declares it, a Service sends there, or `-p` asked for it. */
  source: "declared" | "service" | "mapping";
}

/** A port that is left alone, and why. */
export interface SkippedPort {
  port: number;
  reason: "udp" | "sctp" | "other-container";
}

export interface PortsInput {
  template: Raw<V1PodTemplateSpec>;
  /** The target container's name. */
  container: string;
  /** EndpointSlices of the namespace: those that name none of `pods` are ignored. */
  endpointSlices: readonly Raw<V1EndpointSlice>[];
  /** Names of the original pods. */
  pods: readonly string[];
  mappings: readonly PortMapping[];
}

/**
 * Decides which ports of the pod the local process takes over: what `-p` asks for, what the target container declares,
 * and what Services send to the original pods, except for ports that another container declares.
 *
 * @throws SwapError usage for a port asked for twice, not-found for an unknown port name
 */
export function choosePorts(input: PortsInput): { ports: PortPlan[]; skipped: SkippedPort[] } {
  const { containers = [], initContainers = [] } = input.template.spec ?? {};
  const target = containers.find((container) => container.name === input.container);
  const ports = new Map<number, PortPlan>();
  const skipped = new Map<number, SkippedPort>();

  for (const mapping of input.mappings) {
    const remote = typeof mapping.remote === "number" ? mapping.remote : portByName(target, mapping.remote);
    if (ports.has(remote)) {
      throw new SwapError("usage", `port ${remote} of the pod is mapped twice`, { hint: "give one -p for each port" });
    }
    ports.set(remote, { remote, local: mapping.local ?? remote, source: "mapping" });
  }

  const others = [...containers, ...initContainers].filter((container) => container !== target);
  const foreign = new Set(others.flatMap(tcpPorts));
  const own = new Set(target === undefined ? [] : tcpPorts(target));
  const take = (port: number, protocol: string | undefined, source: PortPlan["source"]) => {
    if (protocol === "UDP") skipped.set(port, { port, reason: "udp" });
    else if (protocol === "SCTP") skipped.set(port, { port, reason: "sctp" });
    else if (ports.has(port)) return;
    else if (foreign.has(port) && !own.has(port)) skipped.set(port, { port, reason: "other-container" });
    else ports.set(port, { remote: port, local: port, source });
  };
  for (const { containerPort, protocol } of target?.ports ?? []) take(containerPort, protocol, "declared");
  for (const { port, protocol } of servicePorts(input)) take(port, protocol, "service");

  const byNumber = [...ports.values()].sort((a, b) => a.remote - b.remote);
  return { ports: byNumber, skipped: [...skipped.values()].sort((a, b) => a.port - b.port) };
}

/** The numbers that Services send to: EndpointSlices hold them resolved, whether the Service says a number or a name. */
function servicePorts(input: PortsInput): { port: number; protocol: string | undefined }[] {
  const pods = new Set(input.pods);
  return input.endpointSlices
    .filter((slice) =>
      slice.endpoints?.some(({ targetRef }) => targetRef?.kind === "Pod" && pods.has(targetRef.name ?? "")),
    )
    .flatMap((slice) => slice.ports ?? [])
    .flatMap(({ port, protocol }) => (typeof port === "number" ? [{ port, protocol }] : []));
}

function tcpPorts(container: Raw<V1Container>): number[] {
  const isTcp = (protocol: string | undefined) => (protocol ?? "TCP") === "TCP";
  return (container.ports ?? []).filter((port) => isTcp(port.protocol)).map((port) => port.containerPort);
}

function portByName(container: Raw<V1Container> | undefined, name: string): number {
  const named = (container?.ports ?? []).filter((port) => port.name !== undefined);
  const found = named.find((port) => port.name === name);
  if (found === undefined) {
    const names = named.map((port) => port.name).join(", ");
    throw new SwapError("not-found", `container "${container?.name ?? ""}" has no port named "${name}"`, {
      hint: names === "" ? "it names no ports: give a number" : `its named ports: ${names}`,
    });
  }
  if ((found.protocol ?? "TCP") !== "TCP") {
    throw new SwapError("unsupported", `port "${name}" is ${found.protocol}, and only TCP can be swapped yet`);
  }
  return found.containerPort;
}
