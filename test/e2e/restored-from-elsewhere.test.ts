import { expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isOurs,
  isReady,
  runSwap,
  serviceOf,
  startEcho,
  useColleague,
  useNamespace,
  watchPods,
} from "../support/cluster.ts";

test("a colleague with the Role alone restores from another machine, and the holder's command ends", async () => {
  await using ns = await useNamespace("restored-from-elsewhere");
  await ns.apply(identityDeployment({ replicas: 2 }), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns, "deployment/api", 2);
  await using pods = watchPods(ns, "app=api");
  await using colleague = await useColleague(ns, "colleague");
  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  await client.answeredFrom("http://api/", "local");
  const load = await client.startLoad({ url: "http://api/", perSecond: 20 });

  const { kubeconfig, home } = colleague;
  const status = await runSwap(["status", "-n", ns.name, "-o", "json"], { kubeconfig, home });
  expect(JSON.parse(status.stdout)).toMatchObject([{ target: "deployment/api", state: "swapped", replicas: 2 }]);
  const restored = await runSwap(["restore", "-n", ns.name], { kubeconfig, home });
  expect(restored).toMatchObject({
    status: 0,
    stderr: expect.stringMatching(/restored deployment\/api/) as string,
  });

  const ended = await swap.ended(20_000);
  expect(ended).toMatchObject({ status: 0, stderr: expect.stringMatching(/being restored from elsewhere/) as string });
  // Its own words: it was told to end, not killed.
  expect(ended.stdout).toMatch(/echo got SIGTERM/);
  await pods.until(
    "the originals, alone",
    (all) => all.length === 2 && all.every((pod) => !isOurs(pod) && isReady(pod)),
    20_000,
  );
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
  expect((await load.stop()).failures).toEqual([]);
});
