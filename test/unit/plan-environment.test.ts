import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToText, isEscaped, textToBytes } from "../../src/plan/byte-text.ts";
import { parseEnvFile } from "../../src/plan/env-file.ts";
import { formatEnvironment } from "../../src/plan/env-format.ts";
import { parseEnvironBlock } from "../../src/plan/environ.ts";
import { mergeEnvironment } from "../../src/plan/environment.ts";

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

const shellName = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).map((name) => `T_${name}`);
const anyName = fc.stringMatching(/^[!-<>-~]{1,12}$/);
const awkward = fc.string({
  unit: fc.constantFrom(...Array.from("\\\"'`$#= \n\r\tabnrÄ€🙂x"), "\udc80", "\udcff", "${A}"),
});
const anyBytes = fc.uint8Array({ max: 255, min: 1 }).map((value) => bytesToText(value));
const anyValue = fc.oneof(
  awkward,
  anyBytes,
  fc.string({ unit: "binary" }).map((text) => text.replaceAll("\0", "")),
);
const environmentOf = (name: fc.Arbitrary<string>) =>
  fc.uniqueArray(fc.tuple(name, anyValue), { selector: ([key]) => key }).map((entries) => new Map(entries));

describe("bytes as text", () => {
  it("are the same bytes again, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ size: "+1" }), (value) => {
        expect(textToBytes(bytesToText(value))).toEqual(Buffer.from(value));
      }),
    );
    const astral = bytes("\u{1f080}", [0x81, 0xf0, 0x9f]);
    expect(textToBytes(bytesToText(astral))).toEqual(astral);
  });

  it("are plain text where they are UTF-8, and known where they are not", () => {
    expect(bytesToText(bytes("\ufeffgrüße 🙂"))).toBe("\ufeffgrüße 🙂");
    expect(isEscaped("grüße 🙂")).toBe(false);
    expect(bytesToText(bytes("a", [0xff], "ü"))).toBe("a\udcffü");
    expect(isEscaped("a\udcffü")).toBe(true);
  });
});

describe("an environ block", () => {
  it("is read entry by entry, values with newlines, equals signs and any bytes", () => {
    const block = bytes("A=1\0MULTI=a\nb\0EQ=x=y=\0EMPTY=\0RAW=", [0xff, 0xfe], "\0A=2\0nonsense\0=odd\0LAST=z");
    expect([...parseEnvironBlock(block)]).toEqual([
      ["A", "1"],
      ["MULTI", "a\nb"],
      ["EQ", "x=y="],
      ["EMPTY", ""],
      ["RAW", "\udcff\udcfe"],
      ["LAST", "z"],
    ]);
    expect(parseEnvironBlock(new Uint8Array()).size).toBe(0);
  });

  it("of a real process is what it was started with", () => {
    const env = { PLAIN: "1", TWO_LINES: "a\nb", ODD: "ü 'q' \"d\" $x \\" };
    const block = execFileSync("cat", ["/proc/self/environ"], { env });
    expect(Object.fromEntries(parseEnvironBlock(block))).toEqual(env);
  });

  it("is refused where it is longer than any", () => {
    expect(() => parseEnvironBlock(new Uint8Array(4 * 2 ** 20 + 1))).toThrow(
      expect.objectContaining({ code: "agent" }),
    );
  });
});

describe("the local process's environment", () => {
  const merge = (container: Record<string, string>, laptop: Record<string, string | undefined>) =>
    Object.fromEntries(mergeEnvironment({ container: new Map(Object.entries(container)), laptop }));

  it("is the container's over the laptop's", () => {
    expect(merge({ A: "pod", B: "" }, { A: "laptop", B: "laptop", C: "laptop", D: undefined })).toEqual({
      A: "pod",
      B: "",
      C: "laptop",
    });
  });

  it.each([
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "TERM",
    "PWD",
    "LANG",
    "TMPDIR",
    "DISPLAY",
    "SSH_AUTH_SOCK",
    "SSH_TTY",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
  ])("keeps the laptop's %s, or none", (name) => {
    expect(merge({ [name]: "pod" }, { [name]: "laptop" })).toEqual({ [name]: "laptop" });
    expect(merge({ [name]: "pod" }, {})).toEqual({});
  });

  it.each(["PATHS", "MY_HOME", "LANGUAGE", "SSHD", "XDG", "path"])("takes the container's %s", (name) => {
    expect(merge({ [name]: "pod" }, { [name]: "laptop" })).toEqual({ [name]: "pod" });
  });

  it("has the file's over that and the flags' over all, names that stay local too", () => {
    const merged = mergeEnvironment({
      container: new Map([["A", "pod"]]),
      laptop: { PATH: "/bin" },
      file: new Map([
        ["A", "file"],
        ["B", "file"],
        ["PATH", "/file"],
      ]),
      overrides: new Map([["B", "flag"]]),
    });
    expect(Object.fromEntries(merged)).toEqual({ A: "file", B: "flag", PATH: "/file" });
  });
});

describe("an env file", () => {
  it.each<[string, Record<string, string>]>([
    ["A=1\nB=2", { A: "1", B: "2" }],
    ["\ufeffA=1\r\nB=2\r\n", { A: "1", B: "2" }],
    ["  export A = b c  # comment\n\n# B=2\n", { A: "b c" }],
    ["A=b#c\nB= # nothing\nC=", { A: "b#c", B: "", C: "" }],
    ['A=\'x # "y" \\n\'\nB=`it\'s "so"`', { A: 'x # "y" \\n', B: 'it\'s "so"' }],
    ['A="a\\nb\\t\\"c\\" \\\\ \\$d" # said', { A: 'a\nb\\t"c" \\ $d' }],
    ["A='one\ntwo'\nB=\"three\nfour\"", { A: "one\ntwo", B: "three\nfour" }],
    ["A=1\nA=2", { A: "2" }],
    ["A=$HOME ${X}", { A: "$HOME ${X}" }],
    ["my.prop-x=1\nexport=2", { "my.prop-x": "1", export: "2" }],
    ["URL=postgres://u:p@h/db?a=b", { URL: "postgres://u:p@h/db?a=b" }],
  ])("%j is read", (text, expected) => {
    expect(Object.fromEntries(parseEnvFile(text))).toEqual(expected);
  });

  it.each([
    ["A=1\nnonsense", 2],
    ["A=1\n\n=x", 3],
    ["A='open\n", 1],
    ['A="open\\"', 1],
    ["A=1\nB='x' y", 2],
    ["A=\0", 1],
  ])("%j is refused with the line's number", (text, line) => {
    expect(() => parseEnvFile(text)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining(`line ${line}:`) }),
    );
  });
});

describe("a printed environment", () => {
  it("as dotenv is read back by our own reader, and says what it leaves out", () => {
    fc.assert(
      fc.property(environmentOf(anyName), (environment) => {
        const { text, omitted } = formatEnvironment(environment, "dotenv");
        const kept = [...environment].filter(([name]) => !omitted.includes(name));
        expect([...parseEnvFile(text)]).toEqual(kept);
        for (const name of omitted) expect(name).toMatch(/["'`#]/);
      }),
      { numRuns: 500 },
    );
  });

  it("as dotenv is read alike by node's --env-file, where no value has a backslash, CR or all three quotes", () => {
    const value = fc.string({ unit: fc.constantFrom(...Array.from("'\"$#= \nabü🙂")) });
    const environment = fc
      .uniqueArray(fc.tuple(shellName, value), { minLength: 20, selector: ([key]) => key })
      .map((entries) => new Map(entries));
    fc.assert(
      fc.property(environment, (variables) => {
        const { text } = formatEnvironment(variables, "dotenv");
        expect(nodeReads(text)).toEqual(Object.fromEntries(variables));
      }),
      { numRuns: 5 },
    );
  });

  it("as JSON is read back, any name and value", () => {
    fc.assert(
      fc.property(environmentOf(fc.oneof(anyName, fc.constant("__proto__"))), (environment) => {
        const { text, omitted } = formatEnvironment(environment, "json");
        expect(new Map(Object.entries(JSON.parse(text) as object))).toEqual(environment);
        expect(omitted).toEqual([]);
      }),
    );
  });

  it("for a shell gives a real sh exactly the same bytes", () => {
    fc.assert(
      fc.property(environmentOf(shellName), (environment) => {
        const { text, omitted } = formatEnvironment(environment, "shell");
        expect(omitted).toEqual([]);
        const script = Buffer.concat([textToBytes(text), Buffer.from("exec cat /proc/self/environ\n")]);
        const started = parseEnvironBlock(
          execFileSync("sh", ["-s"], { input: script, env: { PATH: "/usr/bin:/bin" } }),
        );
        for (const [name, value] of environment) expect(started.get(name)).toBe(value);
      }),
      { numRuns: 25 },
    );
  });

  it("for a shell leaves out and names what no shell can export", () => {
    expect(
      formatEnvironment(
        new Map([
          ["my.prop", "1"],
          ["OK", "2"],
        ]),
        "shell",
      ),
    ).toEqual({
      text: "export OK='2'\n",
      omitted: ["my.prop"],
    });
  });
});

function nodeReads(text: string): Record<string, string> {
  const print = `process.stdout.write(JSON.stringify(require("node:util").parseEnv(require("node:fs").readFileSync(0, "utf8"))))`;
  return JSON.parse(execFileSync(process.execPath, ["-e", print], { input: text, encoding: "utf8" })) as Record<
    string,
    string
  >;
}
