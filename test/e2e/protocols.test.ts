import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  isOurs,
  serviceOf,
  startSwap,
  surroundings,
  useNamespace,
  watchPods,
  type InClusterClient,
  type Namespace,
  type SwapProcess,
} from "../support/cluster.ts";
import { kubectl } from "../support/kubectl.ts";

let ns: Namespace;
let client: InClusterClient;
let swap: SwapProcess;

const mebibyte = 1024 * 1024;
const remotePorts = { http: 8080, h2: 8081, raw: 8082, mapped: 8083 };

/** One swap for all: what is asked of the tunnel must not depend on being the first or the only one. */
beforeAll(async () => {
  ns = await useNamespace("protocols");
  client = await inCluster(ns);
  const [unnamed = 0, ...locals] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
  const declared = Object.entries(remotePorts).slice(0, 3);
  const container = {
    ports: declared.map(([name, containerPort]) => ({ name, containerPort })),
    resources: { limits: { memory: "64Mi" } },
  };
  const byNumber = { name: "unnamed", port: 90, targetPort: unnamed };
  const mapped = { name: "mapped", port: 8083 };
  const named = declared.map(([name, port]) => ({ name, port, targetPort: name }));
  await ns.apply(identityDeployment({ container }), serviceOf("api", { ports: [...named, byNumber, mapped] }));
  await allReady(ns);
  await client.answeredFrom("http://api:8080/", "original");
  // What only a Service sends to has the same number here as there.
  const here = Object.fromEntries(Object.keys(remotePorts).map((name, index) => [name, locals[index]]));
  const mappings = Object.entries(remotePorts).flatMap(([name, remote]) => ["-p", `${here[name]}:${remote}`]);
  const ports = JSON.stringify({ ...here, unnamed });
  const app = join(surroundings().tester.folder, "apps/protocols.mjs");
  swap = await startSwap(["deploy/api", "-n", ns.name, ...mappings, "--env", `PORTS=${ports}`, "--", "node", app]);
  await swap.swapped();
});

afterAll(async () => {
  await swap?.[Symbol.asyncDispose]();
  await client?.[Symbol.asyncDispose]();
  await ns?.[Symbol.asyncDispose]();
});

/** Speaks a protocol from the client pod to the Service. */
async function speak(name: string, port: number, size = 0): Promise<unknown> {
  const program = await readFile(join(import.meta.dirname, "../support/in-cluster/protocols.mjs"), "utf8");
  const node = ["node", "--input-type=module", "-e", program, name, "api", `${port}`, `${size}`];
  return JSON.parse(await kubectl(["-n", ns.name, "exec", "client", "--", ...node], { timeoutMs: 120_000 }));
}

test("HTTP/1.1: 500 requests on one connection", async () => {
  expect(await speak("keepAlive", 8080)).toEqual({ right: 500, connections: 1 });
});

test("HTTP/2 with prior knowledge: 100 requests at once on one connection", async () => {
  expect(await speak("http2", 8081)).toEqual({ right: 100 });
});

test("gRPC: unary, server streaming, and a status in the trailers", async () => {
  expect(await speak("grpc", 8081)).toEqual({
    unary: { messages: ["one0"], status: "0" },
    stream: { messages: Array.from({ length: 10 }, (_, i) => `many${i}`), status: "0" },
    failed: { messages: [], status: "3", message: "empty" },
  });
});

test("WebSocket: messages of every frame size, and the closing handshake", async () => {
  expect(await speak("webSocket", 8080)).toEqual({ right: 7, code: 1000 });
});

test("half-close: the answer comes after the client has ended its side", async () => {
  expect(await speak("halfClose", 8082)).toEqual({ right: true });
});

test("bodies of 64 MiB, up and down at once, arrive whole", async () => {
  expect(await speak("bodies", 8080, 64 * mebibyte)).toEqual({ up: true, down: true });
});

test("1,000 connections at once each exchange their data", async () => {
  expect(await speak("connections", 90, 1000)).toEqual({ right: 2000, failures: [] });
});

test("a port of -p alone, and one that only a Service sends to, are taken over", async () => {
  expect(await speak("echo", 8083)).toEqual({ right: true });
  expect(await speak("echo", 90)).toEqual({ right: true });
});

test("after all of this the agent still runs, within its 64 MiB, and nothing was warned about", async () => {
  await using pods = watchPods(ns, "app=api");
  const [agent] = await pods.until("the agent pod", (all) => all.length > 0 && all.every(isOurs) && all);
  expect(agent?.spec?.containers[0]?.resources?.limits).toMatchObject({ memory: "64Mi" });
  expect(agent?.status?.containerStatuses?.[0]).toMatchObject({ restartCount: 0, state: { running: {} } });
  expect(swap.stderr).not.toMatch(/^[!✗]/m);
});
