import type { Argv, CommandModule } from "yargs";
import { SwapError } from "../../src/error.ts";
import { parseTarget } from "../../src/plan/target.ts";
import type { SwapOptions } from "../session/options.ts";
import { readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import { withContainerFlags, type ContainerArgs } from "./container-flags.ts";
import type { CommandContext } from "./context.ts";
import { readImmersionFlags, withImmersionFlags, type ImmersionArgs } from "./immersion-flags.ts";

interface RunArgs extends ConnectionArgs, ContainerArgs, ImmersionArgs {
  "--"?: string[] | undefined;
}

/** `swap run TARGET -- COMMAND…`: the pod's world without its traffic. */
export function runCommand(context: CommandContext): CommandModule<object, RunArgs> {
  return {
    command: "run <target>",
    describe: "run a command in the world of a workload's container, without taking its traffic",
    builder: (argv) => withRunFlags(argv) as never,
    handler: async (args) => {
      const command = args["--"] ?? [];
      if (command.length === 0) {
        throw new SwapError("usage", "no command is given", { hint: "as in: swap run deploy/api -- npm run migrate" });
      }
      await run(context, args, command);
    },
  };
}

/** `swap shell TARGET`: an interactive shell there, on the terminal that this one is on. */
export function shellCommand(context: CommandContext): CommandModule<object, RunArgs> {
  return {
    command: "shell <target>",
    describe: "an interactive shell in the world of a workload's container, without taking its traffic",
    builder: (argv) => withRunFlags(argv) as never,
    handler: async (args) => {
      const { env } = context.io;
      await run(context, args, args["--"]?.length ? args["--"] : [env["SHELL"] || "/bin/sh", "-i"]);
    },
  };
}

function withRunFlags(argv: Argv<object>): Argv<unknown> {
  return withContainerFlags(withImmersionFlags(withConnectionFlags(argv)));
}

const graceMs = 30_000;
const maxAgeSeconds = 12 * 60 * 60;

async function run(context: CommandContext, args: RunArgs, command: readonly string[]): Promise<void> {
  const { io, progress, exit } = context;
  // Its own world is all that this command is for.
  const wanted = { ...args, network: args.network ?? ("full" as const) };
  const options: SwapOptions = {
    target: parseTarget(args.target, args.container),
    command,
    mappings: [],
    holdMs: 0,
    graceMs,
    maxAgeSeconds,
    useEnvironment: true,
    envFile: undefined,
    overrides: new Map(),
    keep: false,
    takeover: false,
    immersion: await readImmersionFlags(wanted, true, context),
    agentImage: args.agentImage,
    delivery: "auto",
  };
  const [{ loadConnection }, { KubeClient }, { runAlone }] = await Promise.all([
    import("../kube/connection.ts"),
    import("../kube/client.ts"),
    import("../session/run-alone.ts"),
  ]);
  const connection = loadConnection(readConnectionFlags(args), io.env);
  exit(await runAlone({ client: new KubeClient(connection), io, progress }, connection.namespace, options));
}
