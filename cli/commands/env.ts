import type { CommandModule } from "yargs";
import { environmentFormats, formatEnvironment, type EnvironmentFormat } from "../../src/plan/env-format.ts";
import { textToBytes } from "../../src/plan/byte-text.ts";
import { parseTarget } from "../../src/plan/target.ts";
import { readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import { withContainerFlags, type ContainerArgs } from "./container-flags.ts";
import type { CommandContext } from "./context.ts";

interface EnvArgs extends ConnectionArgs, ContainerArgs {
  output: EnvironmentFormat;
}

/** `swap env TARGET`: the container's environment, without swapping. */
export function envCommand({ io, progress }: CommandContext): CommandModule<object, EnvArgs> {
  return {
    command: "env <target>",
    describe: "print a container's environment without swapping it",
    builder: (argv) =>
      withContainerFlags(withConnectionFlags(argv)).option("output", {
        alias: "o",
        choices: environmentFormats,
        default: "dotenv" as const,
        describe: "form of the list",
      }) as never,
    handler: async (args) => {
      const target = parseTarget(args.target, args.container);
      const [{ loadConnection }, { KubeClient }, { readContainerEnvironment }] = await Promise.all([
        import("../kube/connection.ts"),
        import("../kube/client.ts"),
        import("../session/read-environment.ts"),
      ]);
      const connection = loadConnection(readConnectionFlags(args), io.env);
      const world = { client: new KubeClient(connection), io, progress };
      const environment = await readContainerEnvironment(world, connection.namespace, target, args.agentImage);
      const { text, omitted } = formatEnvironment(environment, args.output);
      io.stdout.write(textToBytes(text));
      if (omitted.length > 0) progress.warn(`${args.output} cannot hold: ${omitted.join(", ")}`);
    },
  };
}
