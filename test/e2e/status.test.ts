import { hostname } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { load } from "js-yaml";
import {
  allReady,
  identityDeployment,
  inCluster,
  runSwap,
  serviceOf,
  startEcho,
  until,
  useNamespace,
  type Namespace,
} from "../support/cluster.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";

interface Session {
  readonly target: string;
  readonly namespace: string;
  readonly state: string;
  readonly ageSeconds: number;
  readonly replicas: number;
  readonly ports: readonly { local: number; remote: number }[];
  readonly connections: { open: number; total: number };
  readonly bytes: { in: number; out: number };
  readonly graceLeftMs?: number;
  readonly pods: readonly { name: string; ready: boolean; phase: string }[];
}

let ns: Namespace;

beforeAll(async () => {
  ns = await useNamespace("status");
  await ns.apply(identityDeployment({ replicas: 2 }), serviceOf(), identityDeployment({ name: "web" }));
  await Promise.all([allReady(ns, "deployment/api", 2), allReady(ns, "deployment/web")]);
});

afterAll(() => ns[Symbol.asyncDispose]());

async function status(...flags: string[]): Promise<string> {
  const end = await runSwap(["status", "-n", ns.name, ...flags]);
  expect(end, end.stderr).toMatchObject({ status: 0 });
  return end.stdout;
}

const sessions = async (...flags: string[]): Promise<Session[]> =>
  JSON.parse(await status("-o", "json", ...flags)) as Session[];

test("with nothing swapped the list is empty: nothing on stdout but an empty JSON list", async () => {
  expect(await sessions()).toEqual([]);
  const plain = await runSwap(["status", "-n", ns.name]);
  expect(plain).toMatchObject({ status: 0, stdout: "" });
  expect(plain.stderr).toContain(`nothing is swapped in namespace ${ns.name}`);
  const nothing = await runSwap(["restore", "-n", ns.name]);
  expect(nothing).toMatchObject({ status: 125, stdout: "" });
  expect(nothing.stderr).toMatch(/nothing is swapped in namespace \S+\n {2}→ .*swap status -A/);
  expect(await runSwap(["restore", "--all", "-n", ns.name])).toMatchObject({ status: 0 });
});

test("status tells who swaps what, where, since when, and how much went through", async () => {
  await using client = await inCluster(ns);
  await using swap = await startEcho("deploy/api", ["-n", ns.name]);
  await swap.swapped();
  const [, port] = await swap.says(/port 8080 → 127\.0\.0\.1:(\d+)/);
  const ports = [{ local: Number(port), remote: 8080 }];
  const [before] = await sessions();
  expect(before).toMatchObject({ target: "deployment/api", namespace: ns.name, state: "swapped", replicas: 2, ports });
  expect(before).toMatchObject({ host: hostname(), holder: expect.stringMatching(/./) as string });
  expect(before?.ageSeconds).toBeLessThan(120);
  expect(before?.pods.map(({ ready, phase }) => ({ ready, phase }))).toEqual(
    [1, 2].map(() => ({ ready: true, phase: "Running" })),
  );
  expect(before).not.toHaveProperty("graceLeftMs");

  const body = "x".repeat(50_000);
  for (let i = 0; i < 5; i++) {
    expect(await client.identity("http://api/", { method: "POST", body })).toMatchObject({ from: "local" });
  }
  const [after] = await sessions("-A").then((all) => all.filter(({ namespace }) => namespace === ns.name));
  expect(after?.connections.total).toBe((before?.connections.total ?? 0) + 5);
  expect((after?.bytes.in ?? 0) - (before?.bytes.in ?? 0)).toBeGreaterThan(250_000);
  expect((after?.bytes.out ?? 0) - (before?.bytes.out ?? 0)).toBeGreaterThan(250_000);
  expect(after?.ageSeconds).toBeGreaterThanOrEqual(before?.ageSeconds ?? 0);

  const [header, row, ...more] = (await status()).trimEnd().split("\n");
  expect(header?.split(/ {3,}/)).toEqual("NAMESPACE TARGET STATE HOLDER HOST AGE PORTS REPLICAS".split(" "));
  expect(row?.split(/ {3,}/)).toMatchObject({
    0: ns.name,
    1: "deployment/api",
    2: "swapped",
    6: `8080→${port}`,
    7: "2/2",
  });
  expect(more).toEqual([]);
  const wide = await status("-o", "wide");
  expect(wide).toMatch(/REPLICAS +CONNECTIONS +IN +OUT +PODS\n/);
  expect(wide).toMatch(/0 open, \d+ in all +2\d\d KiB +2\d\d KiB +api-swap-\w+,api-swap-\w+\n/);
  expect(load(await status("-o", "yaml"))).toMatchObject([{ target: "deployment/api", state: "swapped" }]);
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
});

test("after a kill -9 status says that the client is silent and when the session ends by itself", async () => {
  await using swap = await startEcho("deploy/web", ["-n", ns.name, "--grace", "25s"]);
  await swap.swapped();
  swap.kill("SIGKILL");
  await swap.ended();
  const silent = await until(
    "the state silent",
    async () => (await sessions()).find(({ state }) => state === "silent"),
    {
      timeoutMs: 15_000,
    },
  );
  expect(silent.graceLeftMs).toBeGreaterThan(0);
  expect(silent.graceLeftMs).toBeLessThanOrEqual(25_000);
  expect(await status()).toMatch(/silent \(ends in \d+s\)/);
  const [later] = await sessions();
  expect(later?.graceLeftMs ?? 0).toBeLessThan(silent.graceLeftMs ?? 0);
  const restored = await runSwap(["restore", "deploy/web", "-n", ns.name]);
  expect(restored, restored.stderr).toMatchObject({ status: 0, stdout: "" });
  expect(await sessions()).toEqual([]);
  await nothingLeftInCluster(ns);
});

test("of two sessions restore wants one named, or --all", async () => {
  await using api = await startEcho("deploy/api", ["-n", ns.name]);
  await using web = await startEcho("deploy/web", ["-n", ns.name]);
  await Promise.all([api.swapped(), web.swapped()]);
  const unnamed = await runSwap(["restore", "-n", ns.name]);
  expect(unnamed).toMatchObject({ status: 125 });
  expect(unnamed.stderr).toMatch(
    /several workloads are swapped .*: deployment\/(api|web), deployment\/(api|web)\n {2}→ name one, or say --all/,
  );
  const wrong = await runSwap(["restore", "deploy/other", "-n", ns.name]);
  expect(wrong).toMatchObject({ status: 125 });
  expect(wrong.stderr).toMatch(/deployment\/other is not swapped .*\n {2}→ swapped are: deployment\//);
  expect(await sessions()).toHaveLength(2);

  expect(await runSwap(["restore", "deploy/web", "-n", ns.name])).toMatchObject({ status: 0 });
  expect(await web.ended()).toMatchObject({ status: 0 });
  expect((await sessions()).map(({ target }) => target)).toEqual(["deployment/api"]);
  expect(api.running).toBe(true);
  expect(await runSwap(["restore", "--all", "-n", ns.name])).toMatchObject({ status: 0 });
  expect(await api.ended()).toMatchObject({ status: 0 });
  await nothingLeftInCluster(ns);
  await Promise.all([allReady(ns, "deployment/api", 2), allReady(ns, "deployment/web")]);
});

test("stdout is the local process's alone; --quiet says nothing, NO_COLOR no colour, -o json one object a line", async () => {
  const flags = ["-n", ns.name];
  await using quiet = await startEcho("deploy/web", [...flags, "--quiet"]);
  await quiet.says(/echo listens/);
  await until("the swap", async () => (await sessions()).find(({ state }) => state === "swapped"));
  quiet.kill("SIGINT");
  const silent = await quiet.ended();
  expect(silent).toMatchObject({ status: 0, stderr: "" });
  expect(silent.stdout).toMatch(/^echo listens on \d+\necho got SIGTERM\n$/);

  await using json = await startEcho("deploy/web", [...flags, "-o", "json"], { env: { FORCE_COLOR: "1" } });
  await json.says(/"kind":"swapped"/);
  json.kill("SIGINT");
  const { stdout, stderr, status: ended } = await json.ended();
  expect(ended).toBe(0);
  expect(stdout).toMatch(/^echo listens on \d+\necho got SIGTERM\n$/);
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string>);
  for (const { event, time } of events)
    expect({ event, time: Date.parse(time ?? "") > 0 }).toEqual({ event, time: true });
  const kinds = events.map(({ event, step, kind }) => kind ?? `${event} ${step?.replace(/ .*/, "")}`);
  expect(kinds).toEqual(expect.arrayContaining(["step-started context", "step-done agent", "swapped", "restored"]));

  const plain = await runSwap(["deploy/nobody", ...flags], { env: { NO_COLOR: "1", FORCE_COLOR: "1" } });
  // oxlint-disable-next-line no-control-regex
  expect(plain.stderr).not.toMatch(/\u001B/);
});
