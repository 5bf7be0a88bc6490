import type { CommandModule } from "yargs";
import { SwapError } from "../../src/error.ts";
import { readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import type { CommandContext } from "./context.ts";

interface RestoreArgs extends ConnectionArgs {
  target?: string | undefined;
  all: boolean;
  now: boolean;
}

/** `swap restore [TARGET | --all]`: from any terminal or machine with the same rights. */
export function restoreCommand({ io, progress }: CommandContext): CommandModule<object, RestoreArgs> {
  return {
    command: "restore [target]",
    describe: "give a workload its originals back, from any machine",
    builder: (argv) =>
      withConnectionFlags(argv)
        .positional("target", {
          type: "string",
          describe: "deploy/NAME or rs/NAME; the namespace's only session if left out",
        })
        .option("all", { type: "boolean", default: false, describe: "every session of the namespace" })
        .option("now", {
          type: "boolean",
          default: false,
          describe: "do not wait until the originals are Ready",
        }),
    handler: async (args) => {
      if (args.all && args.target !== undefined) {
        throw new SwapError("usage", "--all and a target exclude each other", { hint: "leave one of them out" });
      }
      const [{ loadConnection }, { KubeClient }, { restoreSessions }] = await Promise.all([
        import("../kube/connection.ts"),
        import("../kube/client.ts"),
        import("../session/restore-sessions.ts"),
      ]);
      const connection = loadConnection(readConnectionFlags(args), io.env);
      await restoreSessions(new KubeClient(connection), connection.namespace, args, progress, io.interrupts.signal);
    },
  };
}
