import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireRoot } from "../../cli/lab/host.ts";
import { lock, startTime } from "../../cli/lab/lock.ts";
import { runProgram } from "../../cli/lab/process.ts";
import { until } from "../../cli/lab/wait.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lab-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a lock", () => {
  test("is held by one at a time, and free when let go", async () => {
    const path = join(folder, "new/lock");
    {
      await using _held = await lock(path, "the lab a");
      await expect(lock(path, "the lab a")).rejects.toMatchObject({ code: "conflict" });
    }
    await using _again = await lock(path, "the lab a");
    expect(await readFile(path, "utf8")).toContain(String(process.pid));
  });

  test("of a dead holder is taken over, even when its pid lives again", async () => {
    const path = join(folder, "lock");
    await writeFile(path, `${process.pid} 1`);
    await using _held = await lock(path, "the lab a");
    expect(await readFile(path, "utf8")).toBe(`${process.pid} ${await startTime(process.pid)}`);
  });
});

describe("waiting", () => {
  const patience = { what: "The moon", timeoutMs: 50, everyMs: 1 };

  test("gives what was seen at last", async () => {
    let looks = 0;
    expect(await until(async () => (++looks > 3 ? looks : undefined), patience)).toBe(4);
  });

  test("ends with the last failure as the cause", async () => {
    const failing = until(() => Promise.reject(new Error("clouds")), patience);
    await expect(failing).rejects.toMatchObject({ code: "lab", cause: new Error("clouds") });
  });

  test("ends when interrupted", async () => {
    const waiting = until(async () => undefined, { ...patience, timeoutMs: 60_000, signal: AbortSignal.timeout(10) });
    await expect(waiting).rejects.toMatchObject({ code: "interrupted" });
  });
});

describe("a program", () => {
  test("is given its input and gives its output", async () => {
    expect((await runProgram(["cat"], { input: "hello" })).stdout).toBe("hello");
  });

  test("that fails says so in its own words", async () => {
    const failing = runProgram(["sh", "-c", "echo no such luck >&2; exit 3"]);
    await expect(failing).rejects.toThrow(/no such luck/);
  });

  test("that is not there is named", async () => {
    await expect(runProgram([join(folder, "nothing")])).rejects.toMatchObject({ code: "lab" });
  });
});

test("a native lab asks for root, and says what to do without", () => {
  expect(() => requireRoot(1000)).toThrow(
    expect.objectContaining({ code: "lab", hint: expect.stringContaining("sudo") }),
  );
  expect(() => requireRoot(0)).not.toThrow();
});
