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
  await client.answeredFrom("http://api/", "original");

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

/** What the laptop needs for itself: the README's list. */
const staysLocal = /^(PATH|HOME|USER|SHELL|TERM|PWD|LANG|TMPDIR|DISPLAY|SSH_.*|XDG_.*)$/;
/** What no two pods have in common. */
const ofThePod = ["HOSTNAME", "POD_NAME", "POD_IP", "GREETING"];

test("the local process has exactly the container's environment", async () => {
  await using ns = await useNamespace("first-swap-env");
  const poem = "first line\n  second = 'line'\n\n$(NOT) \"fourth\" äöü \t end\n";
  await ns.apply(
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { POEM: poem, EMPTY: "" } },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "secrets" }, stringData: { PASSWORD: "p=a;s$s w\\rd" } },
    serviceOf(),
  );
  const env = [
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
    { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    { name: "CPUS", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
    { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } },
    { name: "GREETING", value: "hello from $(POD_NAME) for $(APP), $$(POD_IP) $(UNKNOWN)" },
    { name: "FARE", value: "$(APP)-$(CPUS)" },
    { name: "LD_LIBRARY_PATH", value: "/nowhere" },
    { name: "NODE_ENV", value: "staging" },
    { name: "LANG", value: "de_DE.UTF-8" },
    { name: "HOME", value: "/home/of-the-container" },
  ];
  const envFrom = [{ configMapRef: { name: "settings" } }, { prefix: "SECRET_", secretRef: { name: "secrets" } }];
  const resources = { limits: { cpu: "2", memory: "128Mi" }, requests: { cpu: "10m", memory: "16Mi" } };
  await ns.apply(identityDeployment({ container: { env, envFrom, resources } }));
  await using client = await inCluster(ns);
  await allReady(ns);
  const reference = parse(await ns.kubectl("exec", "deployment/api", "--", "env", "-0"));
  expect(reference).toMatchObject({ POEM: poem, SECRET_PASSWORD: "p=a;s$s w\\rd", CPUS: "2", FARE: "api-2" });

  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  const { env: local } = (await client.identity("http://api/env")) as unknown as { env: Record<string, string> };
  const expected = Object.entries(reference).filter(([name]) => !staysLocal.test(name) && !ofThePod.includes(name));
  expect(local).toMatchObject(Object.fromEntries(expected));

  const [agent] = JSON.parse(await ns.kubectl("get", "pods", "-l", "swap.dev/state=agent", "-o", "json")).items;
  const pod = agent.metadata.name;
  expect(local).toMatchObject({ HOSTNAME: pod, POD_NAME: pod, POD_IP: agent.status.podIP });
  expect(local["GREETING"]).toBe(`hello from ${pod} for api, $(POD_IP) $(UNKNOWN)`);
  expect(local).toMatchObject({ LANG: "C.UTF-8", USER: "swap-tester" });
  expect(local["HOME"]).not.toBe("/home/of-the-container");
  const more = Object.keys(local).filter((name) => !(name in reference));
  expect(more.toSorted()).toEqual(["KUBECONFIG", "LOCAL_PORT", "USER"]);
});

function parse(block: string): Record<string, string> {
  const entries = block.split("\0").filter((entry) => entry !== "");
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}
