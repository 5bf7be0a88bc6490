import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { load } from "js-yaml";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { swapRights } from "../../cli/kube/rights.ts";
import { run } from "../../cli/run.ts";
import { SwapError, type ErrorCode } from "../../src/error.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import { frameType } from "../../src/wire/frame.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const readme = read("README.md");
const documents = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: root });

/** The lines between a heading and the next one of its level or above. */
function section(text: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 1;
  const [, after = ""] = text.split(`\n${heading}\n`);
  return after.split(new RegExp(`\n#{1,${level}} `))[0] ?? "";
}

describe("the README's commands and flags", () => {
  const verbs = ["up", "down", "status", "kubeconfig", "load", "logs"].map((verb) => ["lab", verb]);
  const commands = [[], ["restore"], ["status"], ["env"], ["lab"], ...verbs];
  const flagsIn = (text: string): string[] => [...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)].map(([flag]) => flag);
  const help: { name: string; stdout: string }[] = [];

  beforeAll(async () => {
    // yargs prints its help by itself; run in this process, since a new one for each command takes seconds.
    const print = vi.spyOn(console, "log").mockImplementation(() => undefined);
    const { stdin, stdout, stderr, env } = process;
    const interrupts = { signal: new AbortController().signal, on: () => () => undefined };
    for (const words of commands) {
      print.mockClear();
      expect(await run({ stdin, stdout, stderr, env, cwd: root, interrupts }, [...words, "--help"])).toBe(0);
      help.push({ name: ["swap", ...words].join(" "), stdout: print.mock.calls.flat().join("\n") });
    }
    print.mockRestore();
  });

  /** Of our own programs' flags, none is called so. */
  const foreign = new Set(["--inspect"]);

  test("every command and every flag of --help is in the README", () => {
    const written = new Set(flagsIn(readme));
    for (const { name, stdout } of help) {
      expect(stdout).toContain("--help");
      expect(readme).toContain(name);
      expect([name, flagsIn(stdout).filter((flag) => !written.has(flag) && !foreign.has(flag))]).toEqual([name, []]);
      const letters = [...stdout.matchAll(/^ +-([a-zA-Z]), --([a-z-]+)/gm)];
      for (const [, letter, flag] of letters) expect(readme).toMatch(new RegExp(`\`-${letter}\`, \`--${flag}\\b`));
    }
  });

  test("every flag in the README is in --help", () => {
    const there = new Set(help.flatMap(({ stdout }) => flagsIn(stdout)));
    expect(flagsIn(readme).filter((flag) => !there.has(flag) && !foreign.has(flag))).toEqual([]);
  });

  test("defaults are those of --help", () => {
    const [main] = help;
    const options = main?.stdout.split(/\n(?= +(?:-\w, )? *--)/) ?? [];
    const defaults = options.flatMap((text) => {
      const flag = /--([a-z-]+)/.exec(text)?.[1];
      const value = /\[default: "([^"]+)"\]/.exec(text)?.[1];
      return flag === undefined || value === undefined ? [] : [{ flag, value }];
    });
    expect(defaults.length).toBeGreaterThan(3);
    for (const { flag, value } of defaults) {
      const shown = flag === "agent-image" ? value.replace(/:[\d.]+$/, ":VERSION") : value;
      const row = readme.split("\n").find((line) => line.startsWith(`| \`--${flag} `));
      expect([flag, row?.includes(`| \`${shown}\` |`)]).toEqual([flag, true]);
    }
  });
});

test("every error code is in the README with its exit status, and no other", () => {
  const [, union = ""] = /export type ErrorCode =([\s\S]*?);/.exec(read("src/error.ts")) ?? [];
  const codes = [...union.matchAll(/\| "([a-z-]+)"/g)].map(([, code]) => code as ErrorCode);
  expect(codes).toContain("bug");
  const rows = [...section(readme, "## Exit status").matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gm)];
  const expected = codes.map((code) => [code, `${new SwapError(code, "").exitStatus}`]);
  expect(rows.map(([, code, status]) => [code, status])).toEqual(expected);
});

test("the README's Role is what swap asks for, no more and no less", () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(section(readme, "## Rights")) ?? [];
  const { rules } = load(yaml) as { rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] };
  const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((one) => verbs.map((verb) => `${verb} ${one} of "${group}"`))),
  );
  const asked = swapRights.map(({ verb, group, resource }) => `${verb} ${resource} of "${group}"`);
  expect(granted.toSorted()).toEqual(asked.toSorted());
});

test("the README names every dependency, and no other", () => {
  const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, object>;
  const rows = [...section(readme, "## Dependencies").matchAll(/^\| (`[^|]+`) \|/gm)];
  const named = rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
  expect(named.toSorted()).toEqual(Object.keys({ ...dependencies, ...devDependencies }).toSorted());
});

test("the architecture's table of frames is that of the code", () => {
  const rows = [...section(read("ARCHITECTURE.md"), "### Frames").matchAll(/^\| ([\d, ]+) \| ([a-z, ]+) \|/gm)];
  const frames = rows.flatMap(([, numbers = "", names = ""]) => {
    const named = names.split(", ");
    return numbers.split(", ").map((number, index) => [named[index], Number(number)]);
  });
  expect(Object.fromEntries(frames) as object).toEqual(frameType);
});

test("the architecture names every reset code and every kind of stream", () => {
  const architecture = read("ARCHITECTURE.md");
  const [row = ""] = /^\| 4 \| reset \|.*$/m.exec(architecture) ?? [];
  const codes = [...row.matchAll(/(\d) ([a-z ]+)/g)].map(([, number, name = ""]) => [
    name.trim().replaceAll(/ ([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    Number(number),
  ]);
  expect(Object.fromEntries(codes) as object).toEqual(resetCode);
  const kinds = [...read("src/wire/stream-open.ts").matchAll(/\| \{ kind: "([a-z-]+)"/g)].map(([, kind]) => kind);
  const rows = [...section(architecture, "### Streams").matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
  expect(rows).toEqual(kinds);
});

test("make targets that documents name exist, and CONTRIBUTING names each", () => {
  const targets = [...read("Makefile").matchAll(/^([a-z0-9-]+):.*## /gm)].map(([, name]) => name);
  for (const document of documents) {
    const named = [...read(document).matchAll(/(?:`|^|\s&& )make ([a-z0-9-]+)/gm)].map(([, name]) => name);
    expect([document, named.filter((name) => !targets.includes(name) && name !== "help")]).toEqual([document, []]);
  }
  const contributing = read("CONTRIBUTING.md");
  expect(targets.filter((name) => name !== "help" && !contributing.includes(`| \`make ${name}\` |`))).toEqual([]);
});

test("links between documents lead to files and headings that are there", () => {
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(" ", "-");
  for (const document of documents) {
    for (const [, path = "", anchor] of read(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)) {
      const target = path === "" ? document : join(dirname(document), path);
      expect([document, target, existsSync(join(root, target))]).toEqual([document, target, true]);
      if (anchor === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => slug(heading));
      expect(headings).toContain(anchor);
    }
  }
});

test("files that documents name are there", () => {
  for (const document of documents) {
    const named = [...read(document).matchAll(/`((?:src|agent|cli|test|examples|docs)\/[\w./-]*)`/g)];
    const made = /^docs\/bench$/; // `make bench` makes it
    const missing = named
      .map(([, path = ""]) => path)
      .filter((path) => !made.test(path) && !existsSync(join(root, path)));
    expect([document, missing]).toEqual([document, []]);
  }
});
