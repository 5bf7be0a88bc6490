import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  isOurs,
  isReady,
  serviceOf,
  startSwap,
  surroundings,
  useNamespace,
  watchPods,
} from "../support/cluster.ts";
import { attachDebugger } from "../support/debugger.ts";

/** Five minutes, as the promise says; shorter while the product is being made. */
const holdSeconds = Number(process.env["SWAP_BREAKPOINT_SECONDS"] ?? 300);

test(
  "a breakpoint may hold a request of the cluster for minutes: nothing restarts, and the answer comes",
  { timeout: (holdSeconds + 120) * 1000 },
  async () => {
    await using ns = await useNamespace("breakpoint");
    const probe = { httpGet: { path: "/", port: "http" }, periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 1 };
    const probes = { livenessProbe: probe, readinessProbe: probe, startupProbe: { ...probe, failureThreshold: 30 } };
    await ns.apply(identityDeployment({ container: probes }), serviceOf());
    await using client = await inCluster(ns);
    await allReady(ns);
    const [port, inspector] = [await freePort(), await freePort()];
    const app = join(surroundings().tester.folder, "apps/echo.mjs");
    const flags = ["-n", ns.name, "-p", `${port}:8080`, "--env", `LOCAL_PORT=${port}`];
    await using swap = await startSwap(["deploy/api", ...flags, "--", "node", `--inspect=127.0.0.1:${inspector}`, app]);
    await swap.swapped();
    await using pods = watchPods(ns, "app=api");
    await pods.until("the agent alone", (all) => all.length === 1 && all.every((pod) => isOurs(pod) && isReady(pod)));
    const before = pods.events.length;

    using debug = await attachDebugger(inspector);
    await debug.send("Debugger.enable");
    const lines = (await readFile(app, "utf8")).split("\n");
    const lineNumber = lines.findIndex((line) => line.includes("const answer ="));
    const { locations } = await debug.send("Debugger.setBreakpointByUrl", { lineNumber, urlRegex: ".*echo\\.mjs$" });
    expect(locations).toHaveLength(1);
    const request = client.identity("http://api/held", { timeoutMs: (holdSeconds + 60) * 1000 });
    await debug.paused(30_000);

    // Whatever the request meets before its time, an answer or an error, is the first thing to know.
    const early = request.then(
      (answer) => `answered ${JSON.stringify(answer)}`,
      (error: unknown) => `failed at ${new Date().toISOString()}: ${String(error)}`,
    );
    const held = await Promise.race([early, delay(holdSeconds * 1000, "held")]);
    expect(held, swap.output).toBe("held");
    expect(swap.running).toBe(true);
    const disturbances = pods.events.slice(before).filter(({ type, pod }) => {
      const restarts = pod.status?.containerStatuses?.map(({ restartCount }) => restartCount) ?? [];
      return type !== "MODIFIED" || !isReady(pod) || restarts.some((count) => count > 0);
    });
    expect(disturbances.map(({ type, pod }) => ({ type, name: pod.metadata?.name, status: pod.status }))).toEqual([]);
    expect(pods.pods).toHaveLength(1);

    await debug.send("Debugger.resume");
    expect(await request).toMatchObject({ from: "local", url: "/held" });
    expect(pods.pods.every(isReady)).toBe(true);
  },
);
