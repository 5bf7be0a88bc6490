import { join } from "node:path";
import type { InClusterClient } from "./in-cluster/client.ts";
import type { Namespace } from "./namespace.ts";
import { startSwap, type SwapOptions, type SwapProcess } from "./swap-process.ts";
import { surroundings } from "./surroundings.ts";

/** Swaps deploy/NAME with a program in the pod's world that does what we ask it: see apps/inside.mjs. */
export async function startInside(
  ns: Namespace,
  { target = "deploy/api", flags = [], ...options }: { target?: string; flags?: readonly string[] } & SwapOptions = {},
): Promise<SwapProcess> {
  const app = join(surroundings().tester.folder, "apps/inside.mjs");
  return await startSwap([target, "-n", ns.name, "--network=full", ...flags, "--", "node", app], options);
}

/** Runs a shell command inside, asked for from within the cluster. @throws with what it said when it fails. */
export async function shell(client: InClusterClient, command: string, host = "api"): Promise<string> {
  const { status, body } = await client.request(`http://${host}/sh?${encodeURIComponent(command)}`);
  if (status !== 200) throw new Error(`${command}: ${body}`);
  return body.trim();
}
