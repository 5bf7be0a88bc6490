import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  serviceOf,
  startSwap,
  surroundings,
  useNamespace,
} from "../support/cluster.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";
import { useSandbox } from "../support/sandbox.ts";

test("a connection waits for the local process to listen, for --hold and no longer", async () => {
  await using ns = await useNamespace("held");
  await using sandbox = await useSandbox();
  await ns.apply(identityDeployment(), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns);
  await client.answeredFrom("http://api/", "original");
  const port = await freePort();
  const listens = sandbox.at("listens");
  const env = ["--env", `LOCAL_PORT=${port}`, "--env", `SWITCH=${listens}`];
  const late = ["--", "node", join(surroundings().tester.folder, "apps/late.mjs")];
  await using swap = await startSwap([
    "deploy/api",
    "-n",
    ns.name,
    "--hold",
    "3s",
    "-p",
    `${port}:8080`,
    ...env,
    ...late,
  ]);
  await swap.swapped();
  expect(swap.stderr).toMatch(`does not listen on ${port} yet; connections wait for it`);

  const asked = performance.now();
  const outcome = await client.request("http://api/", { timeoutMs: 20_000 }).then(String, String);
  const took = performance.now() - asked;
  expect(outcome).toMatch(/ECONNRESET|ECONNREFUSED|socket hang up/);
  expect(took).toBeGreaterThan(2500);
  expect(took).toBeLessThan(6000);
  await swap.says(/connections to the workload are refused: nothing listened on 127\.0\.0\.1:\d+ for 3 s/);

  for (let round = 0; round < 2; round++) {
    const answers = Promise.all([1, 2, 3].map(() => client.identity("http://api/")));
    // The connections are there well before anybody listens.
    await delay(700);
    await writeFile(listens, "");
    expect(await answers).toEqual([1, 2, 3].map(() => ({ from: "local" })));
    await rm(listens);
    await swap.says(new RegExp(`(late listens\n+late stopped\n[^]*){${round + 1}}`), 10_000);
  }
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 128 + 15 });
  await nothingLeftInCluster(ns);
});
