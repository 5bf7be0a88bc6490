import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { packetType } from "../../src/sftp/protocol.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import { canMount, Mount } from "../support/files/mount.ts";
import { Agent, bundleAgent } from "./agent-process.ts";
import { Ear } from "./tunnel.ts";

vi.setConfig({ testTimeout: 180_000 });

const checks = fileURLToPath(new URL("../support/files/checks.py", import.meta.url));

function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "swap-files-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function anonymousMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
}

function helpersOf(agent: Agent): number[] {
  const children = readFileSync(`/proc/${agent.child.pid}/task/${agent.child.pid}/children`, "utf8");
  return children.trim().split(" ").filter(Boolean).map(Number);
}

const askRoot = new PacketWriter(packetType.stat, 1).text("/").finish();

describe("an SFTP stream", () => {
  test("is reset when its process dies, and the next one has a new process", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const first = new Ear(client.mux.open({ kind: "sftp" }));
    first.stream.write(askRoot);
    await first.until(() => first.received > 0);
    process.kill(helpersOf(agent)[0]!, "SIGKILL");
    await first.until(() => first.end !== undefined);
    expect(first.end).toEqual({ how: "reset", by: "peer", code: resetCode.connectionReset });
    const second = new Ear(client.mux.open({ kind: "sftp" }));
    second.stream.write(askRoot);
    await second.until(() => second.received > 0);
    expect(second.end).toBeUndefined();
  });

  test("is reset when the client does not speak SFTP, and leaves the others alone", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const [good, bad] = [new Ear(client.mux.open({ kind: "sftp" })), new Ear(client.mux.open({ kind: "sftp" }))];
    bad.stream.write(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await bad.until(() => bad.end !== undefined);
    expect(bad.end).toEqual({ how: "reset", by: "peer", code: resetCode.connectionReset });
    good.stream.write(askRoot);
    await good.until(() => good.received > 0);
  });

  test("beyond the bound of 16 is refused as too much", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const ears = Array.from({ length: 17 }, () => new Ear(client.mux.open({ kind: "sftp" })));
    const last = ears.pop()!;
    await last.until(() => last.end !== undefined);
    expect(last.end).toEqual({ how: "reset", by: "peer", code: resetCode.overloaded });
    for (const ear of ears) ear.stream.write(askRoot);
    for (const ear of ears) await ear.until(() => ear.received > 0);
  });
});

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

  test("do not hold up the agent when a volume hangs: it serves on, and leaves when told", async () => {
    await using other = await Agent.start();
    await using agent = await Agent.start();
    using folder = temporaryFolder();
    await using volume = await Mount.of((await other.client()).mux.open({ kind: "sftp" }), folder.path);
    const [helper] = helpersOf(other);
    process.kill(helper!, "SIGSTOP");
    try {
      const client = await agent.client();
      const files = new Ear(client.mux.open({ kind: "sftp" }));
      files.stream.write(askRoot);
      await files.until(() => files.received > 0);
      const before = files.received;
      files.stream.write(new PacketWriter(packetType.stat, 2).text(join(volume.path, "missing")).finish());
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(files.received).toBe(before);
      expect((await agent.status()).client.connected).toBe(true);
      const told = performance.now();
      client.say({ type: "quit", reason: "done" });
      expect(await agent.exit).toBe(0);
      expect(performance.now() - told).toBeLessThan(15_000);
    } finally {
      process.kill(helper!, "SIGCONT");
    }
  });

  test("take less than 64 MiB of the pod's memory, the agent included", async () => {
    // As one file, as in the pod.
    await using bundle = await bundleAgent();
    await using agent = await Agent.start({ main: bundle.path });
    using folder = temporaryFolder();
    const client = await agent.client();
    await using mount = await Mount.of(client.mux.open({ kind: "sftp" }), folder.path);
    let most = 0;
    const look = setInterval(() => {
      const all = [agent.child.pid!, ...helpersOf(agent)].map(anonymousMiB);
      most = Math.max(
        most,
        all.reduce((sum, one) => sum + one),
      );
    }, 50);
    const script = [
      'dd if=/dev/zero of="$0/big" bs=1M count=256 2>/dev/null',
      'for i in $(seq 500); do echo $i > "$0/f$i"; done',
      'for i in 1 2 3 4; do cat "$0/big" > /dev/null & done; wait; find "$0" -type f -exec cat {} + | wc -c',
    ].join("\n");
    const { stdout } = await promisify(execFile)("sh", ["-c", script, mount.path]);
    clearInterval(look);
    expect(Number(stdout)).toBeGreaterThan(256 << 20);
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThan(64);
  });
});
