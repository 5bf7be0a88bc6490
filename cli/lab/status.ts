import { readFile } from "node:fs/promises";
import { nodeAddresses } from "./addresses.ts";
import { openApi } from "./api.ts";
import { hostHierarchies } from "./cgroup.ts";
import { accessOf, isReady } from "./cluster.ts";
import { findInit } from "./container.ts";
import { requireRoot } from "./host.ts";
import type { ComponentStatus, LabStatus } from "./lab.ts";
import { orMissing } from "./missing.ts";
import { statusPath } from "./node-plan.ts";
import { labPaths } from "./paths.ts";
import { readRecord } from "./record.ts";

/** How a native lab is; `undefined` when there is none of this name. */
export async function nativeStatus(name: string): Promise<LabStatus | undefined> {
  requireRoot(process.getuid?.());
  const record = await readRecord(name);
  if (record === undefined) return undefined;
  const hierarchies = await hostHierarchies();
  const nodes: LabStatus["nodes"][number][] = [];
  const components: ComponentStatus[] = [];
  for (const node of nodeAddresses(name, record.nodes)) {
    const pid = await findInit(hierarchies, name, String(node.number));
    nodes.push({ name: node.name, address: node.address, ...(pid === undefined ? {} : { pid }) });
    if (pid === undefined) continue;
    const text = await orMissing(readFile(`/proc/${pid}/root${statusPath}`, "utf8"));
    components.push(...parseComponents(node.name, text ?? ""));
  }
  using api = openApi(await accessOf(name, record.apiPort));
  const complete = nodes.every(({ pid }) => pid !== undefined) && components.every(({ state }) => state === "running");
  return {
    name,
    provider: "native",
    version: record.version,
    api: `https://127.0.0.1:${record.apiPort}`,
    kubeconfig: labPaths(name).kubeconfig,
    created: record.created,
    healthy: complete && (await isReady(api)),
    nodes,
    components,
  };
}

/** Reads what node-init writes; what is not understood is left out. */
export function parseComponents(node: string, text: string): ComponentStatus[] {
  if (text === "") return [];
  const status: unknown = JSON.parse(text);
  const list: unknown = typeof status === "object" && status !== null ? Reflect.get(status, "components") : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown): ComponentStatus[] => {
    if (typeof entry !== "object" || entry === null) return [];
    const field = (name: string): unknown => Reflect.get(entry, name);
    const [name, pid, since, lastExit] = [field("name"), field("pid"), field("since"), field("lastExit")];
    if (typeof name !== "string") return [];
    const started = typeof since === "string" && since !== "";
    return [
      {
        node,
        name,
        state: typeof pid === "number" && pid > 0 ? "running" : started ? "ended" : "waiting",
        restarts: Number(field("restarts") ?? 0),
        ...(started ? { since } : {}),
        ...(typeof lastExit === "string" ? { lastExit } : {}),
      },
    ];
  });
}
