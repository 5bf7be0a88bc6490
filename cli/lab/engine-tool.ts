import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { SwapError } from "../../src/error.ts";
import type { Lab, LabDependencies, LabOptions, LabStatus, Provider, ProviderName } from "./lab.ts";
import { orMissing } from "./missing.ts";
import { checkName } from "./paths.ts";
import { runProgram } from "./process.ts";

/**
 * Labs made by kind or k3d, which need a Docker engine. The commands are held by unit tests; they have not been run,
 * since the machines that this was written on have no engine.
 */
export interface EngineTool {
  readonly name: Exclude<ProviderName, "native">;
  up(name: string, options: Pick<LabOptions, "nodes" | "apiPort">): { argv: string[]; config?: string };
  down(name: string): string[];
  /** Prints a kubeconfig. */
  kubeconfig(name: string): string[];
  load(name: string, tar: string): string[];
  list(): string[];
  /** The names of the clusters in what `list` prints. */
  parseList(stdout: string): string[];
}

/** https://kind.sigs.k8s.io/docs/user/configuration/ */
export const kind: EngineTool = {
  name: "kind",
  up: (name, { nodes, apiPort }) => {
    const roles = ["control-plane", ...Array.from({ length: nodes - 1 }, () => "worker")];
    const config = {
      kind: "Cluster",
      apiVersion: "kind.x-k8s.io/v1alpha4",
      nodes: roles.map((role) => ({ role })),
      ...(apiPort === undefined ? {} : { networking: { apiServerPort: apiPort } }),
    };
    return {
      argv: ["kind", "create", "cluster", `--name=${name}`, "--wait=120s", "--config=-"],
      config: JSON.stringify(config),
    };
  },
  down: (name) => ["kind", "delete", "cluster", `--name=${name}`],
  kubeconfig: (name) => ["kind", "get", "kubeconfig", `--name=${name}`],
  load: (name, tar) => ["kind", "load", "image-archive", tar, `--name=${name}`],
  list: () => ["kind", "get", "clusters"],
  parseList: (stdout) => stdout.split("\n").filter((line) => line !== ""),
};

/** https://k3d.io/stable/usage/commands/ */
export const k3d: EngineTool = {
  name: "k3d",
  up: (name, { nodes, apiPort }) => ({
    argv: [
      "k3d",
      "cluster",
      "create",
      name,
      "--wait",
      `--agents=${nodes - 1}`,
      "--kubeconfig-update-default=false",
      "--kubeconfig-switch-context=false",
      ...(apiPort === undefined ? [] : [`--api-port=127.0.0.1:${apiPort}`]),
    ],
  }),
  down: (name) => ["k3d", "cluster", "delete", name],
  kubeconfig: (name) => ["k3d", "kubeconfig", "get", name],
  load: (name, tar) => ["k3d", "image", "import", tar, `--cluster=${name}`],
  list: () => ["k3d", "cluster", "list", "--no-headers"],
  parseList: (stdout) => stdout.split("\n").flatMap((line) => line.split(/\s+/)[0] || []),
};

/** Where the kubeconfig of such a lab is written (XDG base directory specification). */
export function engineKubeconfigPath(tool: EngineTool["name"], name: string, env: NodeJS.ProcessEnv): string {
  const state = env["XDG_STATE_HOME"] || join(env["HOME"] ?? homedir(), ".local/state");
  return join(state, "swap-lab", `${name}.${tool}.kubeconfig`);
}

/** Labs by way of the tool. */
export function engineProvider(tool: EngineTool, dependencies: LabDependencies): Provider {
  const { env, signal, progress } = dependencies;
  const run = async (argv: readonly string[], input?: string): Promise<string> =>
    (await runProgram(argv, { env, signal, ...(input === undefined ? {} : { input }) })).stdout;
  const exists = async (name: string): Promise<boolean> => tool.parseList(await run(tool.list())).includes(name);
  const load = async (name: string, tars: readonly string[]): Promise<void> => {
    for (const tar of tars) await run(tool.load(name, tar));
  };
  return {
    name: tool.name,
    async up(options): Promise<Lab> {
      const name = checkName(options.name);
      if (await exists(name)) progress.say(`Lab ${name} is up already.`);
      else {
        const { argv, config } = tool.up(name, options);
        await progress.step(`Making ${name} with ${tool.name}`, () => run(argv, config));
      }
      const path = engineKubeconfigPath(tool.name, name, env);
      await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
      await writePrivate(path, await run(tool.kubeconfig(name)));
      await load(name, options.images);
      return { name, provider: tool.name, kubeconfigPath: path, nodes: [], version: "" };
    },
    async down(name) {
      const found = await exists(checkName(name));
      if (found) await run(tool.down(name));
      await rm(engineKubeconfigPath(tool.name, name, env), { force: true });
      return found;
    },
    async status(name) {
      if (!(await exists(checkName(name)))) return undefined;
      return engineStatus(tool, name, env);
    },
    load,
  };
}

async function engineStatus(tool: EngineTool, name: string, env: NodeJS.ProcessEnv): Promise<LabStatus> {
  const kubeconfig = engineKubeconfigPath(tool.name, name, env);
  const text = (await orMissing(readFile(kubeconfig, "utf8"))) ?? "";
  const api = /server:\s*(\S+)/.exec(text)?.[1] ?? "";
  const unknown = { version: "", created: "", nodes: [], components: [] };
  return { name, provider: tool.name, api, kubeconfig, healthy: text !== "", ...unknown };
}

async function writePrivate(path: string, content: string): Promise<void> {
  if (content === "") throw new SwapError("lab", "The tool gave no kubeconfig.");
  await writeFile(path, content, { mode: 0o600 });
  await chmod(path, 0o600); // one that was there keeps its own mode otherwise
}
