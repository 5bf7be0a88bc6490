import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { packageRoot } from "../../cli/lab/package-root.ts";
import { labPaths } from "../../cli/lab/paths.ts";

const lab = "e2e-demo";

test("the demo goes well, and leaves no lab behind", { timeout: 8 * 60_000 }, async () => {
  const env = { ...process.env, DEMO_LAB: lab, DEMO_KEEP: "" };
  const child = spawn(process.execPath, [join(packageRoot(), "test/support/demo.ts")], { env });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  expect({ status, stderr, last: stdout.trim().split("\n").at(-1) }, stdout).toEqual({
    status: 0,
    stderr: "",
    last: "✓ the demo went well",
  });
  expect(stdout).toContain("✓ The request of the cluster stands at the breakpoint.");
  expect(existsSync(labPaths(lab).root)).toBe(false);
});
