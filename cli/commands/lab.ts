import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ArgumentsCamelCase, Argv, CommandModule } from "yargs";
import { SwapError } from "../../src/error.ts";
import type { LabDependencies, LabStatus, ProviderName } from "../lab/lab.ts";
import { labDown, labStatus, labUp, loadImages } from "../lab/labs.ts";
import { readLog } from "../lab/logs.ts";
import { checkName } from "../lab/paths.ts";
import { statusTable } from "../lab/status-table.ts";
import type { CommandContext } from "./context.ts";

interface LabArgs {
  readonly name: string;
  readonly provider: ProviderName | undefined;
}

interface Verb {
  readonly command: string;
  readonly describe: string;
  readonly flags?: (argv: Argv) => Argv;
  run(args: ArgumentsCamelCase<LabArgs>, dependencies: LabDependencies, context: CommandContext): Promise<void>;
}

/** `swap lab`: a Kubernetes on this machine to try things on. */
export function labCommand(context: CommandContext): CommandModule {
  const { env, interrupts } = context.io;
  const dependencies = { env, signal: interrupts.signal, progress: context.progress };
  return {
    command: "lab",
    describe: "make a Kubernetes cluster on this machine and remove it again",
    builder: (argv) => {
      let lab: Argv = argv
        .option("name", { type: "string", default: "swap", describe: "which lab", requiresArg: true })
        .option("provider", { choices: ["native", "kind", "k3d"], describe: "how it is made", requiresArg: true });
      for (const verb of verbs) {
        lab = lab.command({
          command: verb.command,
          describe: verb.describe,
          builder: (its) => verb.flags?.(its) ?? its,
          handler: (args) => verb.run(args as ArgumentsCamelCase<LabArgs>, dependencies, context),
        });
      }
      return lab.demandCommand(1, "Say what to do with the lab: up, down, status, kubeconfig, load or logs.");
    },
    handler: () => undefined,
  };
}

const output = { choices: ["json"], alias: "o", describe: "print JSON", requiresArg: true } as const;

const up: Verb = {
  command: "up",
  describe: "make the lab, or complete it",
  flags: (argv) =>
    argv
      .option("nodes", { type: "number", default: 1, choices: [1, 2], describe: "how many nodes" })
      .option("api-port", {
        type: "number",
        describe: "port of the loopback for the API server (default: a free one)",
        requiresArg: true,
      })
      .option("image", {
        type: "string",
        array: true,
        default: [],
        describe: "tar of an image to load",
        requiresArg: true,
      })
      .option("output", output),
  async run(args, dependencies, { io }) {
    const { name, provider } = args;
    const nodes = args["nodes"] as number;
    const images = (args["image"] as string[]).map((tar) => resolve(io.cwd, tar));
    const apiPort = args["apiPort"] as number | undefined;
    checkPort(apiPort);
    const options = { name, provider, nodes, images, ...(apiPort === undefined ? {} : { apiPort }) };
    const lab = await labUp(options, dependencies);
    if (args["output"] === "json") io.stdout.write(`${JSON.stringify(lab)}\n`);
    else dependencies.progress.say(`To use it: export KUBECONFIG=${lab.kubeconfigPath}`, { ...lab });
  },
};

const down: Verb = {
  command: "down",
  describe: "remove the lab and all that belongs to it",
  async run({ name, provider }, dependencies) {
    const found = await labDown({ name, provider }, dependencies);
    dependencies.progress.say(found ? `Lab ${name} is gone.` : `There is no lab called ${name}.`, { name, found });
  },
};

const status: Verb = {
  command: "status",
  describe: "how the lab and its components are (exit status 1 when not well)",
  flags: (argv) => argv.option("output", output),
  async run(args, dependencies, { io, exit }) {
    const found = await statusOf(args, dependencies);
    io.stdout.write(args["output"] === "json" ? `${JSON.stringify(found)}\n` : statusTable(found));
    if (!found.healthy) exit(1);
  },
};

const kubeconfig: Verb = {
  command: "kubeconfig",
  describe: "print the administrator's kubeconfig",
  async run(args, dependencies, { io }) {
    const { kubeconfig: path } = await statusOf(args, dependencies);
    io.stdout.write(await readFile(path, "utf8"));
  },
};

const load: Verb = {
  command: "load <tar..>",
  describe: "put images into the nodes (OCI layout or docker save)",
  flags: (argv) => argv.positional("tar", { type: "string", array: true, demandOption: true }),
  async run(args, dependencies, { io }) {
    const tars = (args["tar"] as string[]).map((tar) => resolve(io.cwd, tar));
    await dependencies.progress.step(`Loading into ${args.name}`, async (note) => {
      await loadImages(args, tars, dependencies);
      note(`${tars.length} image file(s)`);
    });
  },
};

const logs: Verb = {
  command: "logs <component>",
  describe: "print the log of a component (kubelet, kube-apiserver, …, init)",
  flags: (argv) =>
    argv
      .positional("component", { type: "string", demandOption: true })
      .option("follow", { type: "boolean", alias: "f", default: false, describe: "go on with what comes" })
      .option("node", { type: "number", default: 1, choices: [1, 2], describe: "number of the node" }),
  async run(args, { signal }, { io }) {
    const request = {
      lab: checkName(args.name),
      node: args["node"] as number,
      component: args["component"] as string,
      follow: args["follow"] as boolean,
      signal,
    };
    await pipeline(readLog(request), io.stdout, { end: false });
  },
};

const verbs: readonly Verb[] = [up, down, status, kubeconfig, load, logs];

async function statusOf(args: LabArgs, dependencies: LabDependencies): Promise<LabStatus> {
  const { name } = args;
  const found = await labStatus(args, dependencies);
  if (found !== undefined) return found;
  throw new SwapError("not-found", `There is no lab called ${name}.`, { hint: `Make it: swap lab up --name ${name}` });
}

function checkPort(port: number | undefined): void {
  if (port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536)) return;
  throw new SwapError("usage", `${port} is not a port.`, { hint: "Use --api-port with a number from 1 to 65535." });
}
