import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatRight, swapRights, type Right } from "../../cli/kube/rights.ts";
import {
  allReady,
  identityDeployment,
  inCluster,
  runSwap,
  serviceOf,
  startEcho,
  useNamespace,
  type Namespace,
} from "../support/cluster.ts";
import { nothingLeftInCluster, podsOfSwap } from "../support/nothing-left.ts";
import { swapRules, useColleague, type Rule } from "../support/rights.ts";

let ns: Namespace;

beforeAll(async () => {
  ns = await useNamespace("rights");
  await ns.apply(identityDeployment(), serviceOf());
  await allReady(ns);
});

afterAll(() => ns[Symbol.asyncDispose]());

const ruleOf = ({ group, resource, verb }: Right): Rule => ({
  apiGroups: [group],
  resources: [resource],
  verbs: [verb],
});

test("the rights that the Role of the tests grants are those that the command asks for", () => {
  const granted = swapRules.flatMap(({ apiGroups, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => formatRight({ verb, group: apiGroups[0] ?? "", resource }))),
  );
  expect(granted.toSorted()).toEqual(swapRights.map(formatRight).toSorted());
});

test("a Role in the namespace with these rights is enough to swap, to look and to restore", async () => {
  await using client = await inCluster(ns);
  await using me = await useColleague(ns, "just-enough");
  const mine = { kubeconfig: me.kubeconfig, home: me.home };
  await using swap = await startEcho("deploy/api", ["-n", ns.name], mine);
  await swap.swapped();
  expect(await client.identity("http://api/")).toMatchObject({ from: "local" });
  expect(swap.stderr).not.toMatch(/^[!✗]/m);

  const status = await runSwap(["status", "-n", ns.name, "-o", "json"], mine);
  expect(JSON.parse(status.stdout)).toMatchObject([
    { target: "deployment/api", state: "swapped", holder: `system:serviceaccount:${ns.name}:just-enough` },
  ]);
  const environment = await runSwap(["env", "deploy/api", "-n", ns.name], mine);
  expect(environment, environment.stderr).toMatchObject({ status: 0 });
  const restored = await runSwap(["restore", "-n", ns.name], mine);
  expect(restored, restored.stderr).toMatchObject({ status: 0, stderr: expect.not.stringMatching(/^[!✗]/m) as string });
  expect(await swap.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
});

test("each right that is missing is named by verb and resource, before anything changes", async () => {
  const colleagues = new AsyncDisposableStack();
  await using _ = colleagues;
  const named = await Promise.all(
    swapRights.map(async (missing, index) => {
      const rules = swapRights.filter((right) => right !== missing).map(ruleOf);
      return { missing, user: colleagues.use(await useColleague(ns, `lacks-${index}`, rules)) };
    }),
  );
  const queue = [...named];
  const ends: string[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { kubeconfig, home } = next.user;
      const end = await runSwap(["deploy/api", "-n", ns.name, "--dry-run"], { kubeconfig, home });
      const right = formatRight(next.missing);
      const told = end.stderr.includes(right);
      const optional = next.missing.without !== undefined;
      const wanted = optional ? 0 : 125;
      if (!told || end.status !== wanted) ends.push(`${right}: status ${end.status}\n${end.stderr}`);
      if (optional && !end.stderr.includes(next.missing.without ?? "")) ends.push(`${right}: ${end.stderr}`);
    }
  };
  await Promise.all([work(), work(), work()]);
  expect(ends).toEqual([]);
  expect(await podsOfSwap(ns)).toBe("");
});

test("several rights that are missing are named together", async () => {
  await using nobody = await useColleague(ns, "nobody", []);
  const mine = { kubeconfig: nobody.kubeconfig, home: nobody.home };
  const end = await runSwap(["deploy/api", "-n", ns.name, "--", "true"], mine);
  expect(end, end.stderr).toMatchObject({ status: 125 });
  for (const right of swapRights.filter(({ without }) => without === undefined)) {
    expect(end.stderr).toContain(formatRight(right));
  }
  expect(end.stderr).toMatch(/→ ask an administrator for the Role in the README/);
  for (const command of ["status", "restore"]) {
    const { status, stderr } = await runSwap([command, "-n", ns.name], mine);
    expect({ status, stderr }).toMatchObject({ status: 125 });
    expect(stderr).toMatch(/cannot list resource "pods".*\n {2}→ ask for the right to list pods/);
  }
});

test("without the right to read EndpointSlices a swap works, and says what it does without", async () => {
  const rules = swapRights.filter(({ resource }) => resource !== "endpointslices").map(ruleOf);
  await using client = await inCluster(ns);
  await using me = await useColleague(ns, "no-slices", rules);
  await using swap = await startEcho("deploy/api", ["-n", ns.name], { kubeconfig: me.kubeconfig, home: me.home });
  await swap.swapped();
  expect(swap.stderr).toMatch(/without the right to list endpointslices.discovery.k8s.io /);
  expect(await client.identity("http://api/")).toMatchObject({ from: "local" });
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
  await client.answeredFrom("http://api/", "original");
});

test("a second user on the same workload is refused and told who the cluster takes the first for", async () => {
  await using alice = await useColleague(ns, "alice");
  await using bob = await useColleague(ns, "bob");
  await using swap = await startEcho("deploy/api", ["-n", ns.name], { kubeconfig: alice.kubeconfig, home: alice.home });
  await swap.swapped();
  expect(await readFile(bob.kubeconfig, "utf8")).not.toBe(await readFile(alice.kubeconfig, "utf8"));
  const end = await runSwap(["deploy/api", "-n", ns.name, "--", "true"], {
    kubeconfig: bob.kubeconfig,
    home: bob.home,
  });
  expect(end, end.stderr).toMatchObject({ status: 125 });
  expect(end.stderr).toContain(`deployment/api is swapped already by system:serviceaccount:${ns.name}:alice on `);
  expect(swap.running).toBe(true);
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
});
