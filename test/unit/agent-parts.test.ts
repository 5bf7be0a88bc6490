import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../agent/config.ts";
import { Connections } from "../../agent/connections.ts";
import { restoreEnvironment } from "../../agent/environment.ts";
import { sayLastWords } from "../../agent/last-words.ts";
import { Lease } from "../../agent/lease.ts";
import { createSessionKey } from "../../src/tunnel/session-key.ts";

describe("the agent's command line", () => {
  const { publicKey } = createSessionKey();
  const good = [
    "--session",
    "s-1",
    "--public-key",
    publicKey,
    "--grace",
    "30000",
    "--tunnel-port",
    "7001",
    "--health-port=7002",
  ];
  const without = (name: string): string[] => {
    const at = good.indexOf(`--${name}`);
    return good.toSpliced(at, 2);
  };

  test("is read whole", () => {
    const config = parseConfig(good);
    expect(config).toMatchObject({ session: "s-1", graceMs: 30_000, tunnelPort: 7_001, healthPort: 7_002 });
    expect(config.publicKey.export({ format: "jwk" })["x"]).toBe(publicKey);
  });

  test("takes a key that begins with a dash", () => {
    let key = createSessionKey().publicKey;
    while (!key.startsWith("-")) key = createSessionKey().publicKey;
    expect(parseConfig([...without("public-key"), "--public-key", key]).publicKey.export({ format: "jwk" })["x"]).toBe(
      key,
    );
  });

  test.each([
    ["a missing option", without("session"), "--session is missing"],
    ["a missing value", [...without("grace"), "--grace"], "lacks its value"],
    ["an unknown option", [...good, "--color", "red"], 'unknown argument "--color"'],
    ["an option twice", [...good, "--grace", "30000"], "given twice"],
    ["a port beyond 65535", [...without("tunnel-port"), "--tunnel-port", "65536"], "--tunnel-port"],
    ["one port for two", [...without("tunnel-port"), "--tunnel-port", "7002"], "the same"],
    ["a grace in words", [...without("grace"), "--grace", "30s"], "--grace"],
    ["a short key", [...without("public-key"), "--public-key", publicKey.slice(1)], "--public-key"],
    ["a session with a space", [...without("session"), "--session", "a b"], "--session"],
  ])("is refused with %s", (_what, argv, message) => {
    expect(() => parseConfig(argv)).toThrow(message);
  });
});

describe("the lease", () => {
  test("expires a grace after the last sign of life, and not before", () => {
    const lease = new Lease(30_000, 1_000);
    expect([lease.leftMs(1_000), lease.expired(30_999), lease.expired(31_000)]).toEqual([30_000, false, true]);
    lease.heard(20_000);
    expect([lease.silentMs(21_500), lease.expired(49_999), lease.expired(50_000)]).toEqual([1_500, false, true]);
  });

  test("is never shortened by an older sign of life", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000)), (times) => {
        const lease = new Lease(5_000, 0);
        for (const time of times) lease.heard(time);
        const latest = Math.max(0, ...times);
        expect([lease.expired(latest + 4_999), lease.expired(latest + 5_000)]).toEqual([false, true]);
      }),
    );
  });
});

describe("the environment", () => {
  test("gets the hidden names back and is otherwise untouched, byte for byte", () => {
    const block = Buffer.concat([
      Buffer.from(
        "PATH=/bin\0\x0eODE_OPTIONS=--inspect=\x0eODE_X\0\x0cD_PRELOAD=/x.so\0EMPTY=\0NOSIGN\0\x01odd=1\0BIN=",
      ),
      Buffer.from([0xff, 0x0a, 0xfe, 0x00]),
    ]);
    const expected = Buffer.concat([
      Buffer.from("PATH=/bin\0NODE_OPTIONS=--inspect=\x0eODE_X\0LD_PRELOAD=/x.so\0EMPTY=\0NOSIGN\0\x01odd=1\0BIN="),
      Buffer.from([0xff, 0x0a, 0xfe, 0x00]),
    ]);
    expect(restoreEnvironment(block)).toEqual(expected);
  });

  test("of any bytes keeps its length and its values", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(restoreEnvironment(Buffer.from(bytes)).length).toBe(bytes.length);
      }),
    );
  });
});

test("connections are refused before they are too many for the agent's memory", () => {
  const connections = new Connections();
  connections.held = 1_024;
  expect([connections.mayOpen(true), connections.mayOpen(false)]).toEqual([false, true]);
  for (let count = 0; count < 4_000; count += 1) connections.opened();
  expect(connections.mayOpen(false)).toBe(false);
  connections.closed();
  expect(connections.mayOpen(false)).toBe(true);
});

test("last words are written to an existing termination log, and do without one", () => {
  const folder = mkdtempSync(join(tmpdir(), "swap-words-"));
  try {
    const path = join(folder, "termination-log");
    writeFileSync(path, "");
    sayLastWords("farewell", path);
    expect(readFileSync(path, "utf8")).toBe("farewell\n");
    expect(() => sayLastWords("farewell", join(folder, "missing"))).not.toThrow();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
