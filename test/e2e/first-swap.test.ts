import { expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isOurs,
  isReady,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
} from "../support/cluster.ts";

test("a request in the cluster is answered by the local process while the swap lasts", async () => {
  await using ns = await useNamespace("first-swap");
  await ns.apply(identityDeployment(), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns);
  await using pods = watchPods(ns, "app=api");
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });

  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  expect(await client.identity("http://api/hello")).toMatchObject({ from: "local", url: "/hello" });
  await pods.until("the end of the original", (all) => all.every(isOurs), 20_000);
  expect(pods.pods).toHaveLength(1);

  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
  await pods.until(
    "the end of the agent",
    (all) => all.length === 1 && all.every((pod) => !isOurs(pod) && isReady(pod)),
  );
});
