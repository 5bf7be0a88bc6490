import { describe, expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isFinished,
  isOurs,
  isReady,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  type PodWatch,
  type SwapProcess,
} from "../support/cluster.ts";

const graceMs = 3000;
/** From the kill to a workload as before: the grace, the controller's reaction, the original's start. */
const healMs = graceMs + 15_000;
/** An original that was released lives on until its deadline, a minute, when nobody deletes it. */
const orphanMs = 65_000;
/** Kills at any moment of the start, of which the seed makes always the same ones. */
const randomKills = 6;
const seed = 20_261;

interface Kill {
  readonly name: string;
  /** Resolves when it is time. */
  when(swap: SwapProcess): Promise<void>;
}

describe("a kill -9 at any step of the start leaves nothing that needs a human", { timeout: 10 * 60_000 }, () => {
  test("at every line that the command says, and at random moments", async () => {
    await using ns = await useNamespace("killed-at-every-step");
    await using client = await inCluster(ns);
    await ns.apply(identityDeployment({ replicas: 2 }), serviceOf());
    await allReady(ns, "deployment/api", 2);
    await using pods = watchPods(ns, "app=api");
    await using all = watchPods(ns, "swap.dev/session");
    const { lines, tookMs } = await wholeStart(ns.name);
    expect(lines).toBeGreaterThan(6);
    await originalsAlone(pods, all);

    const kills = [...atLines(lines), ...atRandom(tookMs)];
    const report: string[] = [];
    for (const kill of kills) {
      const { name } = kill;
      await using swap = await startEcho("deploy/api", ["-n", ns.name, "--grace", `${graceMs}ms`, "-o", "json"]);
      await kill.when(swap);
      process.kill(-swap.pid, "SIGKILL");
      const killed = performance.now();
      await pods.until(
        `originals that serve after a kill ${name}`,
        (there) => there.filter((pod) => !isOurs(pod) && isReady(pod)).length === 2,
        healMs,
      );
      await all.until(`the end of agents after a kill ${name}`, noAgentRuns, healMs);
      await client.answeredFrom("http://api/", "original", healMs);
      const healed = performance.now() - killed;
      expect(healed, name).toBeLessThan(healMs);
      report.push(`${name}: ${Math.round(healed)} ms`);
      await originalsAlone(pods, all);
    }
    process.stderr.write(`killed-at-every-step:\n  ${report.join("\n  ")}\n`);
    expect(report).toHaveLength(lines + randomKills);
  });
});

/** Nothing of ours runs any more, not even a released original, and the workload is whole. */
async function originalsAlone(pods: PodWatch, all: PodWatch): Promise<void> {
  await all.until("the end of released originals", (there) => there.every(isFinished), orphanMs);
  await pods.until("2 originals", (there) => there.filter((pod) => !isOurs(pod) && isReady(pod)).length === 2);
}

const noAgentRuns = (there: PodWatch["pods"]): boolean =>
  there.every((pod) => isFinished(pod) || pod.metadata?.labels?.["swap.dev/state"] === "released");

/** An undisturbed start: how many lines it says, and how long it takes. */
async function wholeStart(namespace: string): Promise<{ lines: number; tookMs: number }> {
  await using swap = await startEcho("deploy/api", ["-n", namespace, "-o", "json"]);
  await swap.swapped();
  const tookMs = performance.now() - swap.startedAt;
  const lines = countLines(swap);
  swap.kill("SIGINT");
  await swap.ended();
  return { lines, tookMs };
}

const countLines = (swap: SwapProcess): number => swap.stderr.split("\n").length - 1;

function atLines(count: number): Kill[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `at line ${index + 1}`,
    when: async (swap) => void (await swap.says(new RegExp(`^(?:.*\n){${index + 1}}`))),
  }));
}

function atRandom(tookMs: number): Kill[] {
  let state = seed;
  // Lehmer's generator: the same moments in every run.
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return Array.from({ length: randomKills }, () => {
    const afterMs = Math.round(random() * tookMs);
    return {
      name: `after ${afterMs} ms (seed ${seed})`,
      when: () => new Promise<void>((resolve) => setTimeout(resolve, afterMs)),
    };
  });
}
