import type { KubeClient } from "../kube/client.ts";
import { formatRight, missingRights, swapRights } from "../kube/rights.ts";

/** One line of `swap doctor`. */
export interface Check {
  readonly part: "client" | "machine" | "cluster";
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What mends it. */
  readonly mend?: string;
  /** What works all the same. */
  readonly without?: string;
}

/** Image volumes are on by default from this minor version of Kubernetes 1 (KEP-4639). */
const imageVolumesFrom = 35;

/** What the cluster can do, and what this user may do in the namespace. @throws SwapError when it cannot be reached. */
export async function checkCluster(client: KubeClient, namespace: string, signal: AbortSignal): Promise<Check[]> {
  const part = "cluster";
  const { gitVersion = "", minor = "" } = await client.get<{ gitVersion?: string; minor?: string }>("/version", {
    signal,
  });
  const missing = await missingRights(client, namespace, swapRights, signal);
  const needed = missing.filter(({ without }) => without === undefined);
  const hasImageVolumes = Number.parseInt(minor, 10) >= imageVolumesFrom;
  return [
    { part, name: "connection", ok: true, detail: `context ${client.connection.contextName}, namespace ${namespace}` },
    { part, name: "version", ok: true, detail: gitVersion },
    {
      part,
      name: "image volumes",
      ok: true,
      detail: hasImageVolumes ? "by default" : "perhaps not: an init container brings the agent then",
    },
    needed.length === 0
      ? { part, name: "rights", ok: true, detail: `all that swap needs in ${namespace}` }
      : {
          part,
          name: "rights",
          ok: false,
          detail: `you lack: ${needed.map(formatRight).join(", ")}`,
          mend: 'ask an administrator for the Role in the README under "Rights"',
        },
    ...missing
      .filter(({ without }) => without !== undefined)
      .map((right): Check => ({
        part,
        name: "optional right",
        ok: true,
        detail: `without ${formatRight(right)} ${right.without}`,
      })),
  ];
}
