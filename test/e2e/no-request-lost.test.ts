import { expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isReady,
  runSwap,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  type LoadFigures,
  type PodWatch,
} from "../support/cluster.ts";

const rounds = 10;

test(
  `no request of 50 a second is lost over ${rounds} swaps and restores of 3 replicas`,
  { timeout: 10 * 60_000 },
  async () => {
    await using ns = await useNamespace("no-request-lost");
    await ns.apply(identityDeployment({ replicas: 3 }), serviceOf());
    await using client = await inCluster(ns);
    await allReady(ns, "deployment/api", 3);
    await client.answeredFrom("http://api/", "original");
    await using pods = watchPods(ns, "swap.dev/session");
    const load = await client.startLoad({ url: "http://api/", perSecond: 50 });
    for (let round = 0; round < rounds; round += 1) {
      await using swap = await startEcho("deploy/api", ["-n", ns.name]);
      await swap.swapped();
      const { from } = await load.peek();
      await client.answeredFrom("http://api/", "local");
      const restored = await runSwap(["restore", "deploy/api", "-n", ns.name]);
      expect(restored, restored.stderr).toMatchObject({ status: 0 });
      expect(await swap.ended()).toMatchObject({ status: 0 });
      const now = (await load.peek()).from;
      // Every round has really moved the traffic there and back.
      expect(now["local"] ?? 0).toBeGreaterThan(from["local"] ?? 0);
      expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
    }
    const figures = await load.stop();
    process.stderr.write(`no-request-lost: ${JSON.stringify(figures)}\n${story(figures, pods)}`);
    expect(figures.failures).toEqual([]);
    expect(figures.answered).toBe(figures.requests);
    expect(figures.requests / figures.seconds).toBeGreaterThan(45);
  },
);

/** What happened to our pods around the failures, for whoever has to find out why. */
function story({ failures }: LoadFigures, pods: PodWatch): string {
  const moments = failures.map(({ time, error }) => ({ at: Date.parse(time), what: `FAILED ${error}` }));
  const events = pods.events.map(({ type, pod, at }) => {
    const { name, labels, deletionTimestamp } = pod.metadata ?? {};
    const end = deletionTimestamp === undefined ? "" : " terminating";
    const endpoint = labels?.["app"] === undefined ? "" : " labelled";
    const state = `${labels?.["swap.dev/state"]}${endpoint}${isReady(pod) ? " ready" : ""}${end}`;
    return { at: performance.timeOrigin + at, what: `${type} ${name} ${pod.status?.phase} ${state}` };
  });
  const near = events.filter(({ at }) => moments.some((moment) => Math.abs(moment.at - at) < 8000));
  return [...moments, ...near]
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, what }) => `  ${new Date(at).toISOString().slice(14)} ${what}\n`)
    .join("");
}
