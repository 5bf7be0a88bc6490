import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  runSwap,
  serviceOf,
  startEcho,
  startSwap,
  surroundings,
  until,
  useNamespace,
  watchPods,
  type Namespace,
  type PodWatch,
} from "../support/cluster.ts";
import { kubectl, kubectlJson } from "../support/kubectl.ts";
import { nothingLeftHere, nothingLeftInCluster, podsOfSwap } from "../support/nothing-left.ts";
import { useSandbox } from "../support/sandbox.ts";

let ns: Namespace;
let ours: PodWatch;
/** On a local port of nobody's; 8080 may be anybody's. */
let command: readonly string[] = [];
const neverReady = { readinessProbe: undefined };

beforeAll(async () => {
  ns = await useNamespace("refusals");
  command = ["-p", `${await freePort()}:8080`, "--", "node", "-e", "console.log('the command ran')"];
  const beside = { name: "beside", image: "swap.dev/busybox:1", command: ["sleep", "1000000"] };
  await ns.apply(
    identityDeployment(),
    serviceOf(),
    identityDeployment({ name: "two", sidecars: [beside], pod: { terminationGracePeriodSeconds: 0 } }),
    identityDeployment({ name: "zero", replicas: 0 }),
    identityDeployment({ name: "unpullable", container: { image: "swap.dev/no-such-app:1", ...neverReady } }),
    identityDeployment({ name: "crashing", container: { command: ["/bin/sh", "-c", "exit 3"] } }),
    serviceOf("crashing"),
  );
  await Promise.all([allReady(ns), allReady(ns, "deployment/two")]);
  ours = watchPods(ns, "swap.dev/session");
});

afterAll(async () => {
  await ours[Symbol.asyncDispose]();
  await ns[Symbol.asyncDispose]();
});

/** What, why and what to do, with this status; and the local command did not run. @returns stderr. */
async function refused(
  args: readonly string[],
  status: number,
  ...says: readonly (RegExp | string)[]
): Promise<string> {
  const end = await runSwap(["-n", ns.name, ...args]);
  expect(end, end.stderr).toMatchObject({ status, stdout: "" });
  expect(end.stderr).toMatch(/^swap: .+\n {2}→ .+$/m);
  for (const words of says) expect(end.stderr).toMatch(words);
  return end.stderr;
}

/** The same, and no pod was ever made. */
async function refusedBeforeAnyChange(...args: Parameters<typeof refused>): Promise<void> {
  const before = ours.events.length;
  await refused(...args);
  expect(await podsOfSwap(ns)).toBe("");
  expect(ours.events.slice(before).map(({ pod }) => pod.metadata?.name)).toEqual([]);
}

test.each([
  [
    "an unknown workload",
    ["deploy/apo"],
    125,
    [/Deployment "apo" does not exist in namespace refusals/, /there are: .*\bapi\b/],
  ],
  [
    "an unknown namespace",
    ["deploy/api", "-n", "no-such-namespace"],
    125,
    [/no-such-namespace/, /has no Deployment; choose another with -n/],
  ],
  [
    "a kind that cannot be swapped yet",
    ["sts/db"],
    125,
    [/a StatefulSet \(db\) cannot be swapped yet/, /Deployments and ReplicaSets/],
  ],
  ["an unknown kind", ["gizmo/api"], 125, [/gizmo/, /Deployments and ReplicaSets/]],
  ["something that is no target", ["api"], 125, [/"api" does not name a workload/, /swap deploy\/api/]],
  ["an unknown container", ["deploy/api/web"], 125, [/no container "web"/, /choose one of: api/]],
  [
    "an unknown context",
    ["deploy/api", "--context", "no-such"],
    125,
    [/context "no-such" does not exist/, /contexts there are: \S+/],
  ],
  [
    "a kubeconfig that is not there",
    ["deploy/api", "--kubeconfig", "/no/such/file"],
    125,
    [/"\/no\/such\/file" does not exist/],
  ],
  ["a pod with several containers, none of them named", ["deploy/two"], 125, [/several containers: two, beside/, /-c/]],
  ["a workload without replicas", ["deploy/zero"], 125, [/0 replicas/, /kubectl scale .*--replicas=1/]],
  ["a flag that does not exist", ["deploy/api", "--no-such-flag"], 125, [/no-such-flag/]],
  [
    "a port name that does not exist",
    ["deploy/api", "-p", "8000:grpc"],
    125,
    [/no port named "grpc"/, /its named ports: http/],
  ],
] as const)("%s is refused before anything changes", async (_name, args, status, says) => {
  await refusedBeforeAnyChange([...args, ...command], status, ...says);
});

test("a flag without its value, or with a bad one, is told as the user's mistake", async () => {
  await refused(["status", "-o", "tree"], 125, /output, Given: "tree", Choices: "json", "yaml", "wide"/);
  await refused(["deploy/api", "--grace", "soon"], 125, /--grace: "soon" is not a duration/);
  const { stderr } = await runSwap(["deploy/api", "--context"]);
  expect(stderr).toMatch(/^swap: Not enough arguments following: context\n {2}→ .*--help/);
});

test("a command that does not exist, or cannot run, is refused before anything changes", async () => {
  await using sandbox = await useSandbox();
  const plain = await sandbox.write("plain.sh", "#!/bin/sh\n", 0o644);
  await refusedBeforeAnyChange(
    ["deploy/api", "--", "no-such-command"],
    127,
    /"no-such-command" was not found/,
    /spelling/,
  );
  await refusedBeforeAnyChange(["deploy/api", "--", "/no/such/command"], 127, /"\/no\/such\/command" was not found/);
  await refusedBeforeAnyChange(["deploy/api", "--", plain], 126, /plain\.sh is not executable/, /chmod \+x/);
});

test("a command that the kernel refuses to run leaves nothing behind", async () => {
  await using sandbox = await useSandbox();
  const bad = await sandbox.write("bad", "#!/no/such/interpreter\n", 0o755);
  await refused(["deploy/api", "-p", `${await freePort()}:8080`, "--", bad], 126, /bad cannot be run/, /by hand/);
  await nothingLeftInCluster(ns);
});

test("a local port that is taken is refused, naming who has it", async () => {
  const { tester } = surroundings();
  const port = await freePort();
  const env = { LOCAL_PORT: `${port}`, PATH: `${tester.folder}/bin` };
  const app = join(tester.folder, "apps/echo.mjs");
  const { uid, gid } = tester;
  const other = spawn(join(tester.folder, "bin/node"), [app], { env, uid, gid, stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(createInterface({ input: other.stdout }), "line");
    const taken = ["deploy/api", "-p", `${port}:8080`, "--", "true"];
    await refusedBeforeAnyChange(
      taken,
      125,
      `port ${port} of this machine is taken by node (pid ${other.pid})`,
      /-p OTHER:8080/,
    );
  } finally {
    other.kill();
  }
});

test("an API server that does not answer is named", async () => {
  const port = await freePort();
  await using sandbox = await useSandbox();
  const server = `https://127.0.0.1:${port}`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "gone", cluster: { server } }],
    users: [{ name: "me", user: { token: "none" } }],
    contexts: [{ name: "gone", context: { cluster: "gone", user: "me" } }],
    "current-context": "gone",
  };
  const path = await sandbox.write("config", JSON.stringify(config));
  await refusedBeforeAnyChange(
    ["deploy/api", "--kubeconfig", path, ...command],
    125,
    `API server at ${server} cannot be reached: connect ECONNREFUSED`,
    /--context/,
  );
});

test("credentials that the API server does not accept are named as such", async () => {
  await using sandbox = await useSandbox();
  const admin = await kubectlJson<{ users: object[] }>(["config", "view", "--raw"]);
  const users = [{ name: (admin.users[0] as { name: string }).name, user: { token: "not-a-token" } }];
  const path = await sandbox.write("config", JSON.stringify({ ...admin, users }));
  await refusedBeforeAnyChange(
    ["deploy/api", "--kubeconfig", path, ...command],
    125,
    /does not accept your credentials/,
    /log in/,
  );
});

test("a pod that the quota has no room for is refused in the API server's words", async () => {
  await using other = await useNamespace("refused-by-quota");
  await other.apply(identityDeployment());
  await allReady(other);
  await other.apply({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "few" },
    spec: { hard: { pods: "1" } },
  });
  await other.kubectl("wait", "resourcequota/few", "--for=jsonpath={.status.used.pods}=1", "--timeout=30s");
  await refused(
    ["deploy/api", "-n", other.name, ...command],
    125,
    /exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1/,
    /quota/,
  );
  expect(await podsOfSwap(other)).toBe("");
});

test("a pod that is unfit for the namespace's Pod Security is refused in the API server's words", async () => {
  await using other = await useNamespace("refused-by-psa");
  await other.apply(identityDeployment());
  await allReady(other);
  await kubectl(["label", "namespace", other.name, "pod-security.kubernetes.io/enforce=restricted"]);
  await refused(
    ["deploy/api", "-n", other.name, ...command],
    125,
    /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
  );
  expect(await podsOfSwap(other)).toBe("");
});

test("--dry-run shows the pod that would be refused, and changes nothing: neither does it with --takeover", async () => {
  await using other = await useNamespace("refused-dry-run");
  await other.apply(identityDeployment());
  await allReady(other);
  await using swap = await startEcho("deploy/api", ["-n", other.name]);
  await swap.swapped();
  await kubectl(["label", "namespace", other.name, "pod-security.kubernetes.io/enforce=restricted"]);
  const before = await until("the end of the original", async () => {
    const pods = await podsOfSwap(other);
    return pods.includes("released") ? undefined : pods;
  });
  const dryRun = ["deploy/api", "-n", other.name, "--dry-run", "-o", "json"];
  expect(await runSwap(dryRun)).toMatchObject({ status: 125, stdout: "" });
  const shown = await runSwap([...dryRun, "--takeover"]);
  expect(shown, shown.stderr).toMatchObject({ status: 125 });
  expect(JSON.parse(shown.stdout)).toMatchObject({ kind: "Pod", metadata: { generateName: "api-swap-" } });
  expect(JSON.parse(shown.stderr.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    code: "refused",
    message: expect.stringContaining('violates PodSecurity "restricted') as string,
  });
  expect(await podsOfSwap(other)).toBe(before);
  expect(swap.running).toBe(true);
});

test("a pod that a policy does not admit is refused in the policy's words", async () => {
  await using other = await useNamespace("refused-by-policy");
  await other.apply(identityDeployment());
  await allReady(other);
  const admission = "admissionregistration.k8s.io/v1";
  const matchConstraints = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": other.name } },
    resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
  };
  const message = "every pod of this namespace has a ReplicaSet above it";
  const validations = [{ expression: "has(object.metadata.ownerReferences)", message }];
  const spec = { failurePolicy: "Fail", matchConstraints, validations };
  const metadata = { name: other.name };
  const binding = { policyName: other.name, validationActions: ["Deny"] };
  const objects = [
    { apiVersion: admission, kind: "ValidatingAdmissionPolicy", metadata, spec },
    { apiVersion: admission, kind: "ValidatingAdmissionPolicyBinding", metadata, spec: binding },
  ];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  await kubectl(["apply", "-f", "-"], { input });
  try {
    const probe = ["-n", other.name, "run", "probe", "--image=swap.dev/busybox:1", "--dry-run=server"];
    await until(
      "the policy's taking effect",
      () =>
        kubectl(probe).then(
          () => undefined,
          () => true,
        ),
      { everyMs: 300 },
    );
    await refused(["deploy/api", "-n", other.name, ...command], 125, message);
    expect(await podsOfSwap(other)).toBe("");
  } finally {
    await kubectl(["delete", "-f", "-", "--wait=false"], { input });
  }
});

test("an agent image, and an app's image, that cannot be pulled are named, and nothing stays", async () => {
  await Promise.all([
    refused(
      ["deploy/api", "--agent-image", "swap.dev/no-such-agent:1", ...command],
      125,
      /no-such-agent:1/,
      /--agent-image/,
    ),
    refused(["deploy/unpullable", ...command], 125, /is not Ready \(container unpullable: .*Pull/, /no-such-app:1/),
  ]);
  await nothingLeftInCluster(ns);
});

test("a workload in a crash loop is swapped all the same", async () => {
  await using client = await inCluster(ns);
  await using swap = await startEcho("deploy/crashing", ["-n", ns.name]);
  await swap.says(/deployment\/crashing is not Ready \(.*(status 3|CrashLoopBackOff).*\); swapping it all the same/);
  await swap.swapped();
  await client.answeredFrom("http://crashing/", "local");
  swap.kill("SIGINT");
  expect(await swap.ended(20_000)).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
});

test("a swapped workload is refused, naming holder, host and age; --takeover hands it over", async () => {
  await using client = await inCluster(ns);
  await using first = await startEcho("deploy/api", ["-n", ns.name]);
  await first.swapped();
  const held = await refused(
    ["deploy/api", ...command],
    125,
    /is swapped already by \S+ on \S+, for \d+ min/,
    /swap restore.*--takeover/,
  );
  expect(held).not.toMatch(/agent pod/);
  expect(await client.identity("http://api/")).toMatchObject({ from: "local" });

  await using second = await startEcho("deploy/api", ["-n", ns.name, "--takeover"]);
  await second.swapped();
  expect(await first.ended(20_000)).toMatchObject({ status: 0 });
  expect(first.stderr).toMatch(/restored from elsewhere/);
  await nothingLeftHere(first, ns);
  const [, pid] = await second.says(/local process (\d+)/);
  expect(await client.identity("http://api/")).toMatchObject({ from: "local", pid: Number(pid) });
  second.kill("SIGINT");
  expect(await second.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
});

test("two who begin at the same moment: one swaps, the other is told who", async () => {
  const both = await Promise.all([1, 2].map(() => startEcho("deploy/api", ["-n", ns.name])));
  await using one = both[0] as (typeof both)[0];
  await using other = both[1] as (typeof both)[0];
  const settled = await Promise.allSettled([one.swapped(), other.swapped()]);
  expect(settled.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const [loser, winner] = settled[0]?.status === "rejected" ? [one, other] : [other, one];
  const end = await loser.ended();
  expect(end).toMatchObject({ status: 125 });
  expect(end.stderr).toMatch(/(is swapped already by|began to swap this workload at the same moment)/);
  expect(winner.running).toBe(true);
  winner.kill("SIGINT");
  expect(await winner.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
});

test("a refusal in JSON is one object a line, with its code and status", async () => {
  await using swap = await startSwap(["deploy/apo", "-n", ns.name, "-o", "json"]);
  const { status, stderr } = await swap.ended();
  const events = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.at(-1)).toMatchObject({ event: "error", code: "not-found", exitStatus: 125 });
  expect(status).toBe(125);
});
