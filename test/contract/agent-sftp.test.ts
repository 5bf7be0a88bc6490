import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { canMount, Mount } from "../support/files/mount.ts";
import { Agent } from "./agent-process.ts";

vi.setConfig({ testTimeout: 180_000 });

const checks = fileURLToPath(new URL("../support/files/checks.py", import.meta.url));

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "swap-files-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function helpersOf(agent: Agent): number[] {
  const children = readFileSync(`/proc/${agent.child.pid}/task/${agent.child.pid}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}

describe.skipIf(!canMount)("the container's files, mounted by sshfs", () => {
  test("behave as files do", async () => {
    await using agent = await Agent.start();
    using folder = temporaryFolder();
    const client = await agent.client();
    await using mount = await Mount.of(client.mux.open({ kind: "sftp" }), folder.path);
    const { stdout } = await promisify(execFile)("python3", [checks, mount.path, folder.path]);
    const outcomes = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as [string, string]);
    expect(outcomes.length).toBeGreaterThanOrEqual(40);
    expect(outcomes.filter(([, outcome]) => outcome !== "ok")).toEqual([]);
  });

  test("are served by a process that goes with its last stream", async () => {
    await using agent = await Agent.start();
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "sub"));
    const client = await agent.client();
    {
      await using one = await Mount.of(client.mux.open({ kind: "sftp" }), "/");
      await using two = await Mount.of(client.mux.open({ kind: "sftp" }), folder.path);
      expect(await readdir(two.path)).toEqual(["sub"]);
      expect(await readdir(join(one.path, folder.path))).toEqual(["sub"]);
      expect(helpersOf(agent)).toHaveLength(1);
    }
    await expect.poll(() => helpersOf(agent), { timeout: 10_000 }).toEqual([]);
  });
});
