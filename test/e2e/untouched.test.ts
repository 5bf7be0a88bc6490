import { expect, test } from "vitest";
import {
  allReady,
  apply,
  identityDeployment,
  inCluster,
  isFinished,
  isOurs,
  isReady,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  workloadSnapshot,
  type Namespace,
  type PodWatch,
} from "../support/cluster.ts";

/** How soon an original that appears in mid-session is swapped: "within seconds", on a machine with two slow cores. */
const followMs = 30_000;

test("Deployment and ReplicaSets are byte for byte what they were, revision and all", async () => {
  await using ns = await useNamespace("untouched");
  await ns.apply(identityDeployment({ replicas: 2 }), serviceOf());
  await allReady(ns, "deployment/api", 2);
  await ns.kubectl("set", "env", "deployment/api", "ROUND=2");
  await ns.kubectl("rollout", "status", "deployment/api", "--timeout=60s");
  await using pods = watchPods(ns, "app=api");
  await pods.until("an end of the rollout", (all) => all.length === 2 && all.every(isReady));
  const before = await workloadSnapshot(ns);
  expect(before).toContain('"deployment.kubernetes.io/revision": "2"');

  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  await onlyAgents(pods, 2);
  expect(await workloadSnapshot(ns)).toBe(before);
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
  await onlyOriginals(pods, 2);
  expect(await workloadSnapshot(ns)).toBe(before);
});

test("rollout undo, a server-side apply and scaling work in mid-session, are followed, and work afterwards", async () => {
  await using ns = await useNamespace("untouched-follow");
  await ns.apply(identityDeployment({ replicas: 2, container: { env: [{ name: "ROUND", value: "1" }] } }), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns, "deployment/api", 2);
  await ns.kubectl("set", "env", "deployment/api", "ROUND=2");
  await ns.kubectl("rollout", "status", "deployment/api", "--timeout=60s");
  await using pods = watchPods(ns, "app=api");

  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  await onlyAgents(pods, 2);

  await ns.kubectl("rollout", "undo", "deployment/api");
  await onlyAgents(pods, 2, "1");
  await ns.kubectl("rollout", "status", "deployment/api", "--timeout=60s");
  expect(await client.identity("http://api/")).toMatchObject({ from: "local" });

  await applyServerSide(ns, "3", 2);
  await onlyAgents(pods, 2, "3");
  await ns.kubectl("rollout", "status", "deployment/api", "--timeout=60s");

  await ns.kubectl("scale", "deployment/api", "--replicas=4");
  await onlyAgents(pods, 4, "3");
  await ns.kubectl("scale", "deployment/api", "--replicas=1");
  await onlyAgents(pods, 1, "3");
  expect(await client.identity("http://api/")).toMatchObject({ from: "local" });
  expect(swap.running).toBe(true);

  swap.kill("SIGINT");
  expect(await swap.ended(), swap.output).toMatchObject({ status: 0 });
  await onlyOriginals(pods, 1, "3");
  await ns.kubectl("rollout", "undo", "deployment/api");
  await ns.kubectl("rollout", "status", "deployment/api", "--timeout=60s");
  await onlyOriginals(pods, 1, "1");
  await ns.kubectl("scale", "deployment/api", "--replicas=2");
  await onlyOriginals(pods, 2, "1");
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
});

/** As `helm upgrade` does it since Helm 4. */
async function applyServerSide(ns: Namespace, round: string, replicas: number): Promise<void> {
  const env = [{ name: "ROUND", value: round }];
  const manifest = identityDeployment({ replicas, container: { env } }) as { metadata: object };
  const object = { ...manifest, metadata: { ...manifest.metadata, namespace: ns.name } };
  await apply([object], ["--server-side", "--field-manager=helm", "--force-conflicts"]);
}

const roundOf = (pod: PodWatch["pods"][number]): string | undefined =>
  pod.spec?.containers[0]?.env?.find(({ name }) => name === "ROUND")?.value;

/** All pods that are left are Ready agents, in the number and of the template that the workload wants. */
async function onlyAgents(pods: PodWatch, count: number, round?: string): Promise<void> {
  await pods.until(
    `${count} agents of round ${round}, alone`,
    (all) => {
      const left = all.filter((pod) => !isFinished(pod));
      return (
        left.length === count &&
        left.every((pod) => isOurs(pod) && isReady(pod) && (round === undefined || roundOf(pod) === round))
      );
    },
    followMs,
  );
}

async function onlyOriginals(pods: PodWatch, count: number, round?: string): Promise<void> {
  await pods.until(
    `${count} originals of round ${round}, alone`,
    (all) =>
      all.length === count &&
      all.every((pod) => !isOurs(pod) && isReady(pod) && (round === undefined || roundOf(pod) === round)),
  );
}
