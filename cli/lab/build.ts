import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { SwapError } from "../../src/error.ts";
import type { Progress } from "../progress.ts";
import { buildCommand, buildKey, goModules, kubernetesVersion, type GoModule } from "./go-module.ts";
import { findProgram, searchPath } from "./host.ts";
import type { LabDependencies } from "./lab.ts";
import { lock } from "./lock.ts";
import { orMissing } from "./missing.ts";
import { packageRoot } from "./package-root.ts";
import { runProgram } from "./process.ts";
import { until } from "./wait.ts";

/** A folder with everything that runs in a node, and the version of Kubernetes in it. */
export interface Binaries {
  readonly bin: string;
  readonly version: string;
}

/** In a log without a spinner, a long build says so often that it is alive. Milliseconds. */
const reportEveryMs = 30_000;

/** Where built programs are kept (XDG base directory specification). */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] ?? homedir(), ".cache"), "swap-lab");
}

/**
 * Builds what is missing or has changed of the lab's programs. Nothing is done twice: each module has a folder named
 * after all that it depends on, which appears when it is complete; builders that come together wait for each other.
 *
 * @throws SwapError `lab` when there is no Go or a build fails
 */
export async function ensureBinaries({ env, signal, progress }: LabDependencies): Promise<Binaries> {
  const cache = cacheFolder(env);
  await mkdir(cache, { recursive: true });
  // First the toolchain that `make` has fetched where the system has none or an old one.
  const path = `${join(cache, "go/bin")}:${searchPath(env["PATH"])}:/usr/local/go/bin`;
  const go = await findProgram("go", path);
  if (go === undefined) {
    throw new SwapError("lab", "A native lab is built from Go modules, and Go is not installed.", {
      hint: "Install Go 1.25 or newer from go.dev/dl, or use --provider kind or k3d with Docker.",
    });
  }
  const builder = { go, cache, env: { ...env, PATH: path, CGO_ENABLED: "0" }, signal, progress };
  const folders: string[] = [];
  for (const module of goModules) folders.push(await ensureModule(module, builder));
  const goMod = await readFile(join(sources("cube"), "go.mod"), "utf8");
  return { bin: await gather(cache, folders), version: kubernetesVersion(goMod) };
}

interface Builder {
  readonly go: string;
  readonly cache: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

function sources(module: string): string {
  return join(packageRoot(), "examples/kind", module);
}

async function ensureModule(module: GoModule, builder: Builder): Promise<string> {
  const folder = sources(module.name);
  const goMod = await readFile(join(folder, "go.mod"), "utf8");
  const options = { cwd: folder, env: builder.env, signal: builder.signal };
  const version = (await runProgram([builder.go, "env", "GOVERSION"], options)).stdout.trim();
  const key = await buildKey(folder, buildCommand("go", module, goMod, "."), version);
  const finished = join(builder.cache, `${module.name}-${key}`);
  if (await exists(finished)) return finished;
  await using _lock = await waitForLock(join(builder.cache, `${module.name}.lock`), module.name, builder.signal);
  if (await exists(finished)) return finished;
  const unfinished = `${finished}.${randomUUID()}`;
  await using _removed = { [Symbol.asyncDispose]: () => rm(unfinished, { recursive: true, force: true }) };
  await mkdir(unfinished);
  await builder.progress.step(`Building ${module.name} with ${version}`, (note) =>
    build(buildCommand(builder.go, module, goMod, unfinished), module, options, builder.progress, note),
  );
  await rename(unfinished, finished);
  return finished;
}

async function build(
  command: string[],
  module: GoModule,
  options: { cwd: string; env: NodeJS.ProcessEnv; signal: AbortSignal },
  progress: Progress,
  note: (learnt: string) => void,
): Promise<void> {
  progress.say(`Building ${module.name} from its Go modules: about ${module.duration} on two cores the first time.`);
  const started = Date.now();
  let packages = 0;
  const soFar = (): string => `${packages} packages, ${Math.round((Date.now() - started) / 1000)} s`;
  const report = setInterval(() => progress.say(`Still building ${module.name}: ${soFar()}.`), reportEveryMs);
  try {
    // `go build -v` names each package when it begins with it.
    const onStderr = (text: string): void => {
      packages += text.split("\n").length - 1;
      note(soFar());
    };
    await runProgram(command, { ...options, onStderr });
    note(soFar());
  } finally {
    clearInterval(report);
  }
}

/** One folder with all programs, by hard links: a node mounts it whole. */
async function gather(cache: string, folders: readonly string[]): Promise<string> {
  // "kubectl" stands for the link made below: another set of names would be another folder.
  const key = createHash("sha256")
    .update(["kubectl", ...folders].join("\0"))
    .digest("hex")
    .slice(0, 16);
  const finished = join(cache, `bin-${key}`);
  if (await exists(finished)) return finished;
  const unfinished = `${finished}.${randomUUID()}`;
  await using _removed = { [Symbol.asyncDispose]: () => rm(unfinished, { recursive: true, force: true }) };
  await mkdir(unfinished);
  for (const folder of folders) {
    for (const name of await readdir(folder)) await link(join(folder, name), join(unfinished, name));
  }
  await symlink("cube", join(unfinished, "kubectl"));
  // Another process may have been quicker, with the same content.
  await rename(unfinished, finished).catch(async (cause: unknown) => {
    if (!(await exists(finished))) throw cause;
  });
  return finished;
}

async function exists(path: string): Promise<boolean> {
  return (await orMissing(stat(path))) !== undefined;
}

function waitForLock(path: string, name: string, signal: AbortSignal): Promise<AsyncDisposable> {
  const take = async (): Promise<AsyncDisposable | undefined> => {
    try {
      return await lock(path, `the build of ${name}`);
    } catch (error) {
      if (error instanceof SwapError && error.code === "conflict") return undefined;
      throw error;
    }
  };
  return until(take, { what: `The other build of ${name}`, timeoutMs: 30 * 60_000, everyMs: 200, signal });
}
