import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isFinished,
  isOurs,
  kubectlJson,
  runSwap,
  serviceOf,
  startEcho,
  stubbornSidecar,
  until,
  useNamespace,
  watchPods,
  type InClusterClient,
  type Namespace,
  type PodWatch,
} from "../support/cluster.ts";

/**
 * The promise is seconds on an idle machine. On a busy one the cluster itself is slower, and the kubelet must notice the
 * agent's end first, which a deletion spares it: so much slower than any replacement it may be.
 */
const slowness = 2;

interface Case {
  readonly name: string;
  readonly flags: readonly string[];
  readonly graceMs: number;
  /** From the end of the grace period to the first answer of the original. */
  readonly healMs: number;
  readonly sidecars: readonly object[];
}

const cases: readonly Case[] = [
  { name: "with a grace of 5 s", flags: ["--grace", "5s"], graceMs: 5000, healMs: 5000, sidecars: [] },
  { name: "with the default grace", flags: [], graceMs: 30_000, healMs: 5000, sidecars: [] },
  {
    // Its liveness probe has to fail and the kubelet has to kill it first.
    name: "with a sidecar that ignores SIGTERM",
    flags: ["--grace", "5s", "-c", "api"],
    graceMs: 5000,
    healMs: 12_000,
    sidecars: [stubbornSidecar],
  },
];

describe("after a kill -9 of the command the original answers again, without anybody's help", () => {
  test.for(cases)("$name", async ({ flags, graceMs, healMs, sidecars }) => {
    await using ns = await useNamespace("dead-man");
    await ns.apply(identityDeployment({ sidecars, pod: { terminationGracePeriodSeconds: 300 } }), serviceOf());
    await ns.apply(identityDeployment({ name: "reference" }), serviceOf("reference"));
    await using client = await inCluster(ns);
    await allReady(ns);
    await client.answeredFrom("http://reference/", "original");
    await using pods = watchPods(ns);
    await using swap = await startEcho("deploy/api", ["-n", ns.name, ...flags]);
    await swap.swapped();
    await client.answeredFrom("http://api/", "local");
    const agent = pods.pods.find((pod) => isOurs(pod) && pod.metadata?.labels?.["swap.dev/state"] === "agent");
    // As a laptop that is gone: the local process as well.
    process.kill(-swap.pid, "SIGKILL");

    const [tookMs, replacedMs] = await Promise.all([
      client.answeredFrom("http://api/", "original", graceMs + healMs + 60_000),
      delay(graceMs).then(() => replace(ns, client)),
    ]);
    const figures = `${Math.round(tookMs)} ms; any pod is replaced in ${Math.round(replacedMs)} ms here`;
    process.stderr.write(`dead-man, grace ${graceMs} ms: the original answered after ${figures}\n`);
    expect(tookMs).toBeLessThan(graceMs + Math.max(healMs, slowness * replacedMs));
    expect(tookMs).toBeGreaterThan(graceMs * 0.8);
    // A released original that does not want to end has its own grace period, as after any deletion.
    const agents = (all: PodWatch["pods"]): PodWatch["pods"] =>
      all.filter((pod) => isOurs(pod) && pod.metadata?.labels?.["swap.dev/state"] !== "released");
    await pods.until("the end of the agent", (all) => agents(all).every(isFinished), 20_000);
    const left = agents(pods.pods);
    expect(left.map(({ metadata }) => metadata?.uid)).toEqual([agent?.metadata?.uid]);
    const message = left[0]?.status?.containerStatuses?.find(({ name }) => name === "api")?.state?.terminated?.message;
    expect(message).toMatch(/no client for/);
  });
});

describe("finished agent pods are swept", () => {
  test("by the next restore", async () => {
    await using ns = await useNamespace("dead-man-restore");
    await swapAndDie(ns);
    const restored = await runSwap(["restore", "-n", ns.name]);
    expect(restored).toMatchObject({ status: 0, stderr: expect.stringMatching(/swept 1 finished pod/) as string });
    expect(await ours(ns)).toEqual([]);
  });

  test("by the next swap", async () => {
    await using ns = await useNamespace("dead-man-swap");
    const [dead] = await swapAndDie(ns);
    await using swap = await startEcho("deploy/api", ["-n", ns.name]);
    await swap.swapped();
    const left = await ours(ns);
    expect(left).not.toContain(dead);
    expect(left).not.toEqual([]);
  });
});

/**
 * How long this machine, with all that it has to do now, takes to replace a pod that is simply gone.
 * @returns ms from its deletion to the first answer of the next one.
 */
async function replace(ns: Namespace, client: InClusterClient): Promise<number> {
  const url = "http://reference/";
  const { pod: first } = await client.identity(url);
  const started = performance.now();
  await ns.kubectl("delete", "pod", String(first), "--force", "--grace-period=0", "--wait=false");
  const look = async (): Promise<true | undefined> =>
    (await client.identity(url, { timeoutMs: 1000 })).pod === first ? undefined : true;
  await until("a replacement of the pod", look, { timeoutMs: 90_000, everyMs: 50 });
  return performance.now() - started;
}

/** @returns the names of the finished pods that remain. */
async function swapAndDie(ns: Namespace): Promise<string[]> {
  await ns.apply(identityDeployment());
  await allReady(ns);
  await using pods = watchPods(ns);
  await using swap = await startEcho("deploy/api", ["-n", ns.name, "--grace", "3s"]);
  await swap.swapped();
  await pods.until("the end of the original", (all) => all.every(isOurs));
  process.kill(-swap.pid, "SIGKILL");
  await pods.until("the end of the agent", (all) => all.filter(isOurs).every(isFinished), 20_000);
  const names = await ours(ns);
  expect(names).toHaveLength(1);
  return names;
}

async function ours(ns: Namespace): Promise<string[]> {
  const args = ["-n", ns.name, "get", "pods", "-l", "swap.dev/session"];
  const { items } = await kubectlJson<{ items: { metadata: { name: string } }[] }>(args);
  return items.map(({ metadata }) => metadata.name);
}
