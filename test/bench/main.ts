import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../../cli/lab/package-root.ts";
import { bench, fullExtent, groups, quickExtent, type Group } from "./bench.ts";
import { useLab } from "./lab.ts";
import { plot } from "./plot.ts";
import { formatTable } from "./table.ts";

/**
 * `make bench`: measures a swap beside `kubectl port-forward` and direct access. A table on stdout, docs/bench/latest.json
 * and latest.svg. A missed target is said and fails nothing.
 *   --quick          a smoke run; writes no files
 *   --only GROUP     start, latency, throughput, memory (may be repeated); writes no files
 *   --profile DIR    writes CPU profiles of the CLI there
 * SWAP_BENCH_LAB names the lab; it is taken down when this run made it, unless SWAP_KEEP is set.
 */
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true },
    profile: { type: "string" },
  },
});
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort(new Error(signal)));
const say = (sentence: string): void => void process.stderr.write(`==> ${sentence}\n`);
const startedAt = performance.now();
const loadBefore = loadavg()[0] ?? 0;

await using lab = await useLab(process.env["SWAP_BENCH_LAB"] ?? "bench", interrupted.signal);
const metrics = await bench(lab, {
  extent: values.quick ? quickExtent : fullExtent,
  only: (values.only as Group[] | undefined) ?? groups,
  nodeFlags: values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`],
  signal: interrupted.signal,
  say,
});
const surroundings = {
  time: new Date().toISOString(),
  kubernetes: lab.kubernetes,
  node: process.version,
  cpus: cpus().length,
  processor: cpus()[0]?.model ?? "unknown",
  loadBefore,
  commit: commit(),
};
const missed = metrics.filter(({ met }) => met === false);
process.stdout.write(`${formatTable(metrics)}\n`);
process.stdout.write(
  missed.length === 0 ? "every target is met\n" : `missed: ${missed.map(({ name }) => name).join("; ")}\n`,
);
if (!values.quick && values.only === undefined) {
  const folder = join(packageRoot(), "docs/bench");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "latest.json"), `${JSON.stringify({ ...surroundings, metrics }, null, 2)}\n`);
  const { time, cpus: count, kubernetes } = surroundings;
  // On a busy machine the figures say less than their ratios: the reader shall know.
  const busy = loadBefore > count ? `, busy with other work (load average ${loadBefore.toFixed(0)})` : "";
  const foot = `${time.slice(0, 10)}, Kubernetes ${kubernetes}, one machine of ${count} CPUs${busy}; by make bench`;
  await writeFile(join(folder, "latest.svg"), plot(metrics, foot));
}
say(`${Math.round((performance.now() - startedAt) / 1000)} s; load average before ${loadBefore.toFixed(1)}`);

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch (error) {
    say(`no commit to name: ${(error as Error).message.split("\n")[0]}`);
    return "unknown";
  }
}
