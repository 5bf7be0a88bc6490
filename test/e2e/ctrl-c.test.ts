import { expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  serviceOf,
  startEcho,
  useNamespace,
  type Namespace,
  type SwapProcess,
} from "../support/cluster.ts";
import { nothingLeftHere, podsOfSwap } from "../support/nothing-left.ts";
import { until } from "../support/until.ts";

/** How many of the workload's starts are interrupted at once. */
const atOnce = 3;
/** From Ctrl-C to the end of the command, and from there until the cluster is as it was; ms. */
const patienceMs = 20_000;

interface Event {
  readonly event: string;
  readonly step?: string;
  readonly kind?: string;
}

const events = (swap: SwapProcess): Event[] =>
  swap.stderr
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Event);

const nameOf = ({ event, step, kind }: Event): string =>
  `${event} ${(step ?? kind ?? "").replace(/ \d+$/, "").replace(/^context .*/, "context")}`.trim();

test("Ctrl-C at every step of the start ends it at once and leaves everything as it was", async () => {
  await using ns = await useNamespace("ctrl-c");
  const names = Array.from({ length: atOnce }, (_, index) => `api-${index}`);
  await ns.apply(...names.flatMap((name) => [identityDeployment({ name }), serviceOf(name)]));
  await using client = await inCluster(ns);
  await Promise.all(names.map((name) => allReady(ns, `deployment/${name}`)));

  const steps = await eventsOfAStart(ns, names[0] ?? "");
  expect(steps).toContain("step-started agent pod");
  expect(steps).toContain("step-done traffic");
  expect(steps.at(-1)).toBe("info swapped");

  const queue = steps.map((step, index) => ({ step, index }));
  const work = async (name: string): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) await interruptAt(ns, name, next.index, next.step);
    await client.answeredFrom(`http://${name}/`, "original", 10_000);
  };
  await Promise.all(names.map(work));
  expect(await podsOfSwap(ns)).toBe("");
});

/** The names of all events of an undisturbed start, and an orderly end. */
async function eventsOfAStart(ns: Namespace, name: string): Promise<string[]> {
  await using swap = await startEcho(`deploy/${name}`, ["-n", ns.name, "-o", "json"]);
  await swap.says(/"kind":"swapped"/);
  const names = events(swap).map(nameOf);
  swap.kill("SIGINT");
  expect(await swap.ended(patienceMs)).toMatchObject({ status: 0 });
  return names.slice(0, names.indexOf("info swapped") + 1);
}

/** Interrupts the start as the event of that index appears, as a terminal does: the whole process group. */
async function interruptAt(ns: Namespace, name: string, index: number, step: string): Promise<void> {
  await using swap = await startEcho(`deploy/${name}`, ["-n", ns.name, "-o", "json"]);
  await until(`${step} of ${name}`, () => events(swap)[index], { everyMs: 2 });
  const had = events(swap).length;
  process.kill(-swap.pid, "SIGINT");
  const { status, stderr } = await swap.ended(patienceMs);
  const story = `after "${step}":\n${stderr}`;
  // The local process's own status once it runs: the echo app ends with 0 on SIGINT.
  const localRuns = /"step":"local process/.test(stderr);
  expect(localRuns ? [0, 130] : [130], story).toContain(status);
  if (events(swap).length === had) expect(status, story).toBe(0);
  await nothingLeftHere(swap, ns, name);
  await until(`the end of the agent of ${name} ${story}`, () => originalsOnly(ns, name), { timeoutMs: patienceMs });
}

async function originalsOnly(ns: Namespace, name: string): Promise<true | undefined> {
  // Agents and released originals are both called after the workload.
  if ((await podsOfSwap(ns)).split("\n").some((line) => line.startsWith(`${name}-`))) return undefined;
  await allReady(ns, `deployment/${name}`);
  return true;
}
