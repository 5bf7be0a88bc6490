import { expect, test } from "vitest";
import {
  allReady,
  identityReplicaSet,
  inCluster,
  isOurs,
  isReady,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  workloadSnapshot,
} from "../support/cluster.ts";

/** Its selecting labels are the Service's as well, so that neither way can be lossless: a moment is. */
const lossMs = 1000;
const perSecond = 20;

const sizes = [1, 2];

test.for(sizes)(
  "a ReplicaSet of %i is swapped and restored; at most a moment's requests are lost",
  async (replicas) => {
    await using ns = await useNamespace("bare-replicaset");
    await ns.apply(identityReplicaSet({ replicas }), serviceOf());
    await using client = await inCluster(ns);
    await allReady(ns, "replicaset/api", replicas);
    await using pods = watchPods(ns);
    const before = await workloadSnapshot(ns);
    await client.answeredFrom("http://api/", "original");
    const load = await client.startLoad({ url: "http://api/", perSecond, timeoutMs: 5000 });

    await using swap = await startEcho("rs/api", ["-n", ns.name]);
    await swap.swapped();
    await client.answeredFrom("http://api/", "local");
    const apis = (all: typeof pods.pods): typeof pods.pods => all.filter(({ metadata }) => metadata?.name !== "client");
    await pods.until("the agents, alone", (all) => apis(all).length === replicas && apis(all).every(isOurs));
    const swapped = await load.peek();
    swap.kill("SIGINT");
    expect(await swap.ended(), swap.output).toMatchObject({ status: 0 });
    await pods.until(
      "the originals, alone",
      (all) => apis(all).length === replicas && apis(all).every((pod) => !isOurs(pod) && isReady(pod)),
    );
    const figures = await load.stop();
    process.stderr.write(
      `bare-replicaset of ${replicas}: ${swapped.failed} lost by the swap; ${JSON.stringify(figures)}\n`,
    );
    expect(figures.from["local"]).toBeGreaterThan(0);
    expect(swapped.failed).toBeLessThanOrEqual((lossMs / 1000) * perSecond);
    expect(figures.failed - swapped.failed).toBeLessThanOrEqual((lossMs / 1000) * perSecond);
    expect(await workloadSnapshot(ns)).toBe(before);
  },
);
