import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { hiddenPrefixes, restoreName } from "../../agent/hidden-environment.ts";
import { compileFreestanding } from "../../cli/image/compile.ts";
import { machineLoader } from "../../cli/image/recipes/node-runtime.ts";
import { temporaryFolder, type TemporaryFolder } from "../support/images/temporary-folder.ts";

const execute = promisify(execFile);
const sources = join(import.meta.dirname, "../../agent/launcher");

/** A tree as in the agent's image, with links to this machine's Node and loader. The program tells what it was given. */
async function tree(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  await compileFreestanding(join(sources, "launch.c"), folder.at("agent"));
  await mkdir(folder.at("bin"));
  await mkdir(folder.at("lib"));
  await symlink(process.execPath, folder.at("bin/node"));
  await symlink(machineLoader, folder.at("lib", basename(machineLoader)));
  const told =
    "{ argv: process.argv.slice(1), flags: process.execArgv, environ: fs.readFileSync('/proc/self/environ', 'latin1') }";
  await writeFile(folder.at("agent.cjs"), `const fs = require("fs"); console.log(JSON.stringify(${told}))`);
  return folder;
}

interface Told {
  readonly argv: string[];
  readonly flags: string[];
  readonly environ: string;
}

async function run(
  file: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; argv0?: string } = {},
): Promise<Told> {
  const { stdout } = await execute(file, args, { env: {}, ...options });
  return JSON.parse(stdout) as Told;
}

const variables = (environ: string) =>
  environ
    .split("\0")
    .filter((pair) => pair !== "")
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);

describe("the agent's launcher", () => {
  test("starts Node under an environment that would break it, which the agent can restore", async () => {
    await using folder = await tree();
    const hostile = {
      NODE_OPTIONS: "--no-such-option",
      LD_PRELOAD: "/no/such.so",
      LD_LIBRARY_PATH: "/nowhere",
      OPENSSL_CONF: "/no/such.cnf",
      GLIBC_TUNABLES: "nonsense",
      TMPDIR: "/none",
      NODEJS: "kept",
      ".D_PRELOAD": "a name that resembles a hidden one",
      EMPTY: "",
      TEXT: "a=b\nc",
    };
    const { environ } = await run(folder.at("agent"), [], { env: hostile });
    const restored = variables(environ).map(([name = "", value]) => [restoreName(name), value]);
    expect(Object.fromEntries(restored)).toEqual(hostile);
    expect(variables(environ).map(([name]) => name)).toContain("\x0eODE_OPTIONS");
    expect(variables(environ).map(([name]) => name)).toContain("NODEJS");
  });

  test("passes its arguments on behind the flags that keep Node small", async () => {
    await using folder = await tree();
    const { argv, flags } = await run(folder.at("agent"), ["run", "--grace", "3000", "", "ü"]);
    expect(argv).toEqual([folder.at("agent.cjs"), "run", "--grace", "3000", "", "ü"]);
    expect(flags).toEqual(["--max-old-space-size=24", "--max-semi-space-size=1", "--openssl-config=/dev/null"]);
  });

  test("finds its folder by what was executed, whatever the process is called", async () => {
    await using folder = await tree();
    const child = spawn(folder.at("agent"), ["x"], {
      argv0: "/somewhere/else",
      env: {},
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [chunk] = (await once(child.stdout, "data")) as [Buffer];
    expect((JSON.parse(chunk.toString()) as Told).argv).toEqual([folder.at("agent.cjs"), "x"]);
    expect((await run("./agent", [], { cwd: folder.path })).argv).toEqual([folder.at("agent.cjs")]);
    expect((await run("agent", [], { cwd: folder.path, env: { PATH: "." } })).argv).toEqual([folder.at("agent.cjs")]);
  });

  test("says what it could not execute", async () => {
    await using folder = await temporaryFolder();
    await compileFreestanding(join(sources, "launch.c"), folder.at("agent"));
    const failure = { code: 126, stderr: `swap agent: cannot execute ${folder.at("lib", basename(machineLoader))}\n` };
    await expect(execute(folder.at("agent"))).rejects.toMatchObject(failure);
  });

  test("hides the same names as the agent restores", async () => {
    const source = await readFile(join(sources, "launch.c"), "utf8");
    const list = /hidden\[\] = \{(?<names>[^}]*)\}/.exec(source)?.groups?.["names"] ?? "";
    expect(Array.from(list.matchAll(/"([^"]+)"/g), (match) => match[1])).toEqual(hiddenPrefixes);
    for (const prefix of hiddenPrefixes) expect(prefix).toMatch(/^[A-Z]/);
  });

  test("is compiled to the same bytes each time", async () => {
    await using folder = await temporaryFolder();
    for (const name of ["one", "two"]) await compileFreestanding(join(sources, "launch.c"), folder.at(name));
    expect(await readFile(folder.at("one"))).toEqual(await readFile(folder.at("two")));
  });
});

describe("pause", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("waits until %s, then ends well", async (signal) => {
    await using folder = await temporaryFolder();
    await compileFreestanding(join(sources, "pause.c"), folder.at("pause"));
    const child = spawn(folder.at("pause"));
    await once(child, "spawn");
    await untilWaiting(child.pid);
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});

/** sigtimedwait is the only call in which the program sleeps; the kernel shows no blocked signals during it. */
async function untilWaiting(pid: number | undefined): Promise<void> {
  while (!/^State:\s*S/m.test(await readFile(`/proc/${pid}/status`, "utf8")));
}
