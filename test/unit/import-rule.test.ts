import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, Record<string, string>>;
const kubernetes = "@kubernetes/client-node";
/** What is there at run time of a release: the bundler is not, and who uses it says so. */
const bundles = new Set(["cli/build.ts", "cli/image/bundle.ts"]);

interface Import {
  readonly file: string;
  /** A path from the root for what is ours, else as written. */
  readonly target: string;
  /** Leaves nothing at run time. */
  readonly typeOnly: boolean;
}

/** Static imports, re-exports, dynamic imports and `require`, in the forms that prettier gives them. */
function importsOf(file: string, source: string): Import[] {
  const forms: [RegExp, boolean][] = [
    [/^import\s+type\s[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm, true],
    [/^export\s+type\s+(?:\*|\{[^}]*\})[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm, true],
    [/^import\s+(?!type\s)[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm, false],
    [/^export\s+(?:\*|\{[^}]*\})[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm, false],
    [/^import\s*["']([^"']+)["']/gm, false],
    [/\b(?:import|require)\(\s*["'`]([^"'`]+)["'`]/g, false],
  ];
  return forms.flatMap(([form, typeOnly]) =>
    [...source.matchAll(form)].map(([, written = ""]) => {
      const target = written.startsWith(".") ? posix.join(posix.dirname(file), written) : written;
      return { file, target, typeOnly };
    }),
  );
}

function importsBelow(folder: string, endings: readonly string[] = ["ts"]): Import[] {
  const files = globSync(
    endings.map((ending) => `${folder}/**/*.${ending}`),
    { cwd: root },
  ).map((file) => file.replaceAll("\\", "/"));
  const found = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), "utf8")));
  expect(found.length).toBeGreaterThan(0);
  return found;
}

const within = (target: string, ...folders: string[]): boolean => folders.some((one) => target.startsWith(`${one}/`));
const told = (broken: readonly Import[]): string[] => broken.map(({ file, target }) => `${file} imports ${target}`);

test("src imports Node and itself; src/plan also types of the Kubernetes client", () => {
  const broken = importsBelow("src").filter(
    ({ file, target, typeOnly }) =>
      !target.startsWith("node:") &&
      !within(target, "src") &&
      !(target === kubernetes && typeOnly && file.startsWith("src/plan/")),
  );
  expect(told(broken)).toEqual([]);
});

test("agent imports Node, src and itself", () => {
  const broken = importsBelow("agent").filter(
    ({ target }) => !target.startsWith("node:") && !within(target, "src", "agent"),
  );
  expect(told(broken)).toEqual([]);
});

test("cli imports Node, src, itself and the packages that come with it", () => {
  const packages = Object.keys(manifest["dependencies"] ?? {});
  const broken = importsBelow("cli").filter(
    ({ file, target }) =>
      !target.startsWith("node:") &&
      !within(target, "src", "cli") &&
      !packages.some((name) => target === name || target.startsWith(`${name}/`)) &&
      !(target === "esbuild" && bundles.has(file)),
  );
  expect(told(broken)).toEqual([]);
});

test("only cli/kube uses the Kubernetes client at run time", () => {
  const users = ["src", "agent", "cli"]
    .flatMap((folder) => importsBelow(folder))
    .filter(({ target, typeOnly }) => target.startsWith(kubernetes) && !typeOnly);
  expect(users.length).toBeGreaterThan(0);
  expect(told(users.filter(({ file }) => !file.startsWith("cli/kube/")))).toEqual([]);
});

test("examples import Node, packages of their own and themselves, nothing of ours", () => {
  const broken = importsBelow("examples", ["js", "mjs", "cjs", "ts"]).filter(({ file, target }) => {
    const example = file.split("/").slice(0, 2).join("/");
    return (
      within(target, "src", "agent", "cli", "test") || (target.startsWith("examples/") && !within(target, example))
    );
  });
  expect(told(broken)).toEqual([]);
});

test("no import escapes the parser", () => {
  const source = [
    'import "side-effect";',
    'import one, { two } from "node:fs";',
    "import {\n  three,\n  type Four,\n} from './three.ts';",
    'import type { Five } from "../agent/five.ts";',
    'export * from "./six.ts";',
    'export type { Seven } from "./seven.ts";',
    'const { eight } = await import("./eight.ts");',
    'const nine = require("nine");',
  ].join("\n");
  const found = importsOf("src/a.ts", source).map(({ target, typeOnly }) => `${target}${typeOnly ? " (type)" : ""}`);
  expect(found.toSorted()).toEqual(
    [
      "side-effect",
      "node:fs",
      "src/three.ts",
      "agent/five.ts (type)",
      "src/six.ts",
      "src/seven.ts (type)",
      "src/eight.ts",
      "nine",
    ].toSorted(),
  );
});
