import { load } from "js-yaml";
import { readFile } from "node:fs/promises";
import { SwapError } from "../../src/error.ts";
import type { NodeAddress } from "./addresses.ts";
import { apply, type Api, type ApiAccess } from "./api.ts";
import { manifests } from "./manifests.ts";
import { labPaths } from "./paths.ts";
import { until } from "./wait.ts";

/** The administrator's access to a lab, from its own kubeconfig. @throws SwapError `lab` when that is damaged */
export async function accessOf(name: string, port: number): Promise<ApiAccess> {
  const path = labPaths(name).kubeconfig;
  const config: unknown = load(await readFile(path, "utf8"));
  const pem = (list: string, entry: string, field: string): string => {
    const value = at(config, list, "0", entry, field);
    if (typeof value === "string") return Buffer.from(value, "base64").toString("utf8");
    throw new SwapError("lab", `${path} is damaged.`, { hint: `Remove the lab: swap lab down --name ${name}` });
  };
  return {
    port,
    ca: pem("clusters", "cluster", "certificate-authority-data"),
    certificate: pem("users", "user", "client-certificate-data"),
    key: pem("users", "user", "client-key-data"),
  };
}

/** Whether the API server says that it is ready. */
export async function isReady(api: Api): Promise<boolean> {
  try {
    return (await api.ask("GET", "/readyz", undefined, 2_000)).status === 200;
  } catch {
    return false; // no answer is an answer here
  }
}

/** Makes what every lab has in its cluster. */
export async function furnish(api: Api, nodeCount: number, signal: AbortSignal): Promise<void> {
  for (const { path, object } of manifests(nodeCount)) {
    // kube-system is made by the API server itself, a moment after it says that it is ready.
    const made = (): Promise<true> => apply(api, path, object).then(() => true);
    await until(made, { what: path, timeoutMs: 10_000, signal });
  }
}

/** Waits for the node to be Ready and gives it its range of pod addresses, which clients read as the cluster's. */
export async function awaitNode(api: Api, node: NodeAddress, signal: AbortSignal, timeoutMs = 60_000): Promise<void> {
  const path = `/api/v1/nodes/${node.name}`;
  const look = async (): Promise<true | undefined> => {
    const found = await get(api, path);
    if (found === undefined) return undefined;
    if (at(found, "spec", "podCIDR") === undefined) {
      const spec = { podCIDR: node.podRange, podCIDRs: [node.podRange] };
      const body = { type: "application/merge-patch+json", content: JSON.stringify({ spec }) };
      await api.ask("PATCH", path, body);
    }
    const conditions = at(found, "status", "conditions");
    const isUp = (one: unknown): boolean => at(one, "type") === "Ready" && at(one, "status") === "True";
    return Array.isArray(conditions) && conditions.some(isUp) ? true : undefined;
  };
  await until(look, { what: `Node ${node.name}`, timeoutMs, signal, hint: "See: swap lab logs kubelet" });
}

/** Waits until a CoreDNS answers. */
export async function awaitDns(api: Api, signal: AbortSignal, timeoutMs = 60_000): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const found = await get(api, "/apis/apps/v1/namespaces/kube-system/deployments/coredns");
    return Number(at(found, "status", "readyReplicas") ?? 0) > 0 ? true : undefined;
  };
  await until(look, { what: "CoreDNS", timeoutMs, signal, hint: "See: kubectl -n kube-system get pods,events" });
}

async function get(api: Api, path: string): Promise<unknown> {
  const { status, body } = await api.ask("GET", path);
  return status === 200 ? JSON.parse(body) : undefined;
}

/** The value at a path of names in parsed JSON or YAML, `undefined` where there is none. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let here = value;
  for (const name of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = Reflect.get(here, name);
  }
  return here;
}
