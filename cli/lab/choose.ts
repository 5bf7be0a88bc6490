import { access } from "node:fs/promises";
import { SwapError } from "../../src/error.ts";
import { engineKubeconfigPath, engineProvider, k3d, kind, type EngineTool } from "./engine-tool.ts";
import { findProgram, searchPath } from "./host.ts";
import type { LabDependencies, Provider, ProviderName } from "./lab.ts";
import { nativeProvider } from "./native.ts";
import { labPaths } from "./paths.ts";
import { runProgram } from "./process.ts";

/** What the choice of a provider depends on. */
export interface Surroundings {
  readonly linux: boolean;
  readonly root: boolean;
  /** Whether a Docker engine answers. */
  readonly engine: boolean;
  readonly kind: boolean;
  readonly k3d: boolean;
}

/** A provider, and why it. */
export interface Choice {
  readonly provider: ProviderName;
  readonly reason: string;
}

/** Decides how a new lab is made when nobody said so. */
export function chooseProvider({ linux, root, engine, ...tools }: Surroundings): Choice {
  if (linux && root) return { provider: "native", reason: "this is Linux and you are root" };
  if (engine && tools.kind) return { provider: "kind", reason: "Docker answers and kind is installed" };
  if (engine && tools.k3d) return { provider: "k3d", reason: "Docker answers and k3d is installed" };
  // It will say what it lacks, root or Linux, better than a list of all three could.
  return { provider: "native", reason: "neither kind nor k3d can be used here" };
}

/** The provider of this name, or that of the lab that is there, or the one to choose, in which case `chosen` is heard. */
export async function findProvider(
  lab: string,
  wanted: ProviderName | undefined,
  dependencies: LabDependencies,
  chosen: (choice: Choice) => void = () => undefined,
): Promise<Provider> {
  if (wanted !== undefined) return providerOf(wanted, dependencies);
  for (const name of ["native", "kind", "k3d"] as const) {
    if (await hasTrace(name, lab, dependencies.env)) return providerOf(name, dependencies);
  }
  const choice = chooseProvider(await lookAround(dependencies));
  chosen(choice);
  return providerOf(choice.provider, dependencies);
}

function providerOf(name: ProviderName, dependencies: LabDependencies): Provider {
  if (name !== "native") return engineProvider(tools[name], dependencies);
  if (process.platform === "linux") return nativeProvider(dependencies);
  throw new SwapError("unsupported", "A native lab needs Linux.", { hint: "Install Docker and kind or k3d." });
}

const tools: Record<EngineTool["name"], EngineTool> = { kind, k3d };

async function hasTrace(provider: ProviderName, lab: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const path = provider === "native" ? labPaths(lab).root : engineKubeconfigPath(provider, lab, env);
  return access(path).then(
    () => true,
    () => false,
  );
}

async function lookAround({ env, signal }: LabDependencies): Promise<Surroundings> {
  const path = searchPath(env["PATH"]);
  const has = async (program: string): Promise<boolean> => (await findProgram(program, path)) !== undefined;
  const engine =
    (await has("docker")) &&
    (await runProgram(["docker", "info"], { env, signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) }).then(
      () => true,
      () => false,
    ));
  return {
    linux: process.platform === "linux",
    root: process.getuid?.() === 0,
    engine,
    kind: await has("kind"),
    k3d: await has("k3d"),
  };
}
