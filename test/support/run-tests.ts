import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRequire } from "node:module";

/**
 * Runs tests and ends with `N passed, N failed`: `run-tests.ts [--sum] unit contract`, `run-tests.ts [--sum] e2e [FILTER…]`.
 * With --sum the counts of the other groups' last runs (`make check` before `make test`) are added.
 */
const root = join(import.meta.dirname, "../..");
const results = join(root, ".test-results");
/** Our groups of tests, and the vitest projects in each. */
const groups: Record<string, readonly string[]> = {
  unit: ["unit"],
  contract: ["contract"],
  e2e: ["e2e", "timed", "lab"],
};

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const words = process.argv.slice(2);
const sum = words.includes("--sum");
const chosen = words.filter((word) => word in groups);
const filters = words.filter((word) => word !== "--sum" && !(word in groups));
if (chosen.length === 0) {
  process.stderr.write(`say which tests: ${Object.keys(groups).join(", ")}\n`);
  process.exit(2);
}
await mkdir(results, { recursive: true });
const counts = await run(chosen, filters);
await writeFile(join(results, `${chosen.join("+")}.json`), JSON.stringify(counts));
const earlier = sum ? await readEarlier() : [];
const total = [counts, ...earlier].reduce((a, b) => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
}));
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

async function run(chosen: readonly string[], filters: readonly string[]): Promise<Counts> {
  const report = join(results, `${chosen.join("+")}.vitest.json`);
  await rm(report, { force: true });
  const vitest = join(createRequire(import.meta.url).resolve("vitest/package.json"), "../vitest.mjs");
  const projects = chosen.flatMap((group) => groups[group] ?? []).map((project) => `--project=${project}`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  // --passWithNoTests: a filter that names a file of one project leaves the others empty.
  const args = [vitest, "run", "--root", root, ...projects, ...reporters, "--passWithNoTests", ...filters];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [status] = (await once(child, "exit")) as [number | null];
  return readReport(report, status ?? 1);
}

/** A file that cannot be loaded, a set-up that fails and an error outside of all tests count as failures too. */
async function readReport(report: string, status: number): Promise<Counts> {
  let text: string;
  try {
    text = await readFile(report, "utf8");
  } catch (error) {
    process.stderr.write(`vitest left no report: ${String(error)}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const { testResults } = JSON.parse(text) as {
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const failedTests = tests.filter((test) => test.status === "failed").length;
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  ).length;
  const failed = failedTests + brokenFiles;
  return { passed, failed: failed === 0 && status !== 0 ? 1 : failed, skipped: tests.length - passed - failedTests };
}

async function readEarlier(): Promise<Counts[]> {
  const name = "unit+contract";
  if (chosen.join("+") === name) return [];
  return [JSON.parse(await readFile(join(results, `${name}.json`), "utf8")) as Counts];
}
