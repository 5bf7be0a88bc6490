import { access } from "node:fs/promises";
import { expect } from "vitest";
import { kubectl } from "./kubectl.ts";
import type { Namespace } from "./namespace.ts";
import { surroundings } from "./surroundings.ts";
import type { SwapProcess } from "./swap-process.ts";
import { until } from "./until.ts";

/** Every pod that some session has made or released, in lines; empty if there is none. */
export async function podsOfSwap(ns: Namespace): Promise<string> {
  const columns = "custom-columns=NAME:.metadata.name,PHASE:.status.phase,STATE:.metadata.labels['swap\\.dev/state']";
  return await kubectl(["-n", ns.name, "get", "pods", "-l", "swap.dev/session", "--no-headers", "-o", columns]);
}

/** Waits until no pod of any session is left in the namespace. @throws with those that are. */
export async function nothingLeftInCluster(ns: Namespace, timeoutMs = 10_000): Promise<void> {
  await until(
    "the end of the last pod of swap",
    async () => {
      const pods = await podsOfSwap(ns);
      if (pods !== "") throw new Error(pods);
      return true;
    },
    { timeoutMs },
  );
}

/** The command has ended, and with it every process that it started and every file that it kept for an IDE. */
export async function nothingLeftHere(swap: SwapProcess, ns: Namespace, workload = "api"): Promise<void> {
  expect(swap.running).toBe(false);
  expect(() => process.kill(-swap.pid, 0), "a process that it started lives on").toThrow(/ESRCH/);
  const file = `/dev/shm/swap-${surroundings().tester.uid}/${ns.name}.${workload}.env`;
  await expect(access(file), `${file} is still there`).rejects.toThrow(/ENOENT/);
}
