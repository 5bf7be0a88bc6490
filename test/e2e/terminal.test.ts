import { join } from "node:path";
import { expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  serviceOf,
  surroundings,
  useNamespace,
} from "../support/cluster.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";
import { Terminal } from "../support/terminal.ts";

const ctrlC = "\u0003";
const ctrlZ = "\u001a";

test("in a terminal the local process is as it would be from the shell: input, Ctrl-Z and fg, Ctrl-C once", async () => {
  await using ns = await useNamespace("terminal");
  await ns.apply(identityDeployment(), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns);
  await client.answeredFrom("http://api/", "original");
  const port = await freePort();
  const { folder } = surroundings().tester;
  const swap = `node ${folder}/dist/swap.js deploy/api -n ${ns.name} -p ${port}:8080 --env LOCAL_PORT=${port}`;

  await using terminal = new Terminal();
  await terminal.sees(/prompt> /);
  terminal.line(`${swap} -- node ${join(folder, "apps/actor.mjs")}`);
  await terminal.sees(/actor stdin tty, stdout tty/);
  await terminal.sees(/is swapped: requests to it are answered here/);
  terminal.line("typed by hand");
  await terminal.sees(/actor read: typed by hand/);
  const first = await client.identity("http://api/");

  terminal.type(ctrlZ);
  await terminal.sees(/\[1\]\+ +Stopped/);
  const answered = client.identity("http://api/", { timeoutMs: 20_000 });
  terminal.line("jobs; echo still a $((40 + 2)) shell");
  await terminal.sees(/still a 42 shell/);
  terminal.line("fg");
  expect(await answered).toEqual(first);

  terminal.type(ctrlC);
  await terminal.sees(/actor got SIGINT 1/);
  await terminal.sees(/actor has cleaned up/);
  await terminal.sees(/restored: the workload is as it was/);
  terminal.line("echo status=$?");
  await terminal.sees(/status=0/);
  expect(terminal.screen).not.toContain("got SIGINT 2");
  await nothingLeftInCluster(ns);
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
});
