import type { CommandModule } from "yargs";
import { toSwapError } from "../../src/error.ts";
import { version } from "../../src/version.ts";
import { probeMachine } from "../immersion/probe.ts";
import type { Check } from "../session/check-cluster.ts";
import { readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import type { CommandContext } from "./context.ts";
import { formatTable } from "./table.ts";

interface DoctorArgs extends ConnectionArgs {
  output?: string | undefined;
}

/** `swap doctor`: what this machine and this cluster can do, each with the command that mends it. */
export function doctorCommand({ io, exit }: CommandContext): CommandModule<object, DoctorArgs> {
  return {
    command: "doctor",
    describe: "check this machine and the cluster, and say how to mend what is missing",
    builder: (argv) =>
      withConnectionFlags(argv).option("output", {
        alias: "o",
        choices: ["json"],
        describe: "form of the list",
      }) as never,
    handler: async (args) => {
      const machine = (await probeMachine(io.env)).map(({ name, ok, detail, mend, needed }): Check => ({
        part: "machine",
        name,
        ok,
        detail,
        ...(mend === undefined || ok ? {} : { mend }),
        ...(ok ? {} : { without: needed === "network" ? "--network=proxy works" : "--files=none works" }),
      }));
      const client: Check[] = [
        { part: "client", name: "swap", ok: true, detail: version },
        { part: "client", name: "node", ok: true, detail: process.version },
      ];
      const checks = [...client, ...machine, ...(await checkCluster(args, io))];
      if (args.output === "json") io.stdout.write(`${JSON.stringify(checks, null, 2)}\n`);
      else io.stdout.write(format(checks));
      exit(checks.every(({ ok }) => ok) ? 0 : 1);
    },
  };
}

async function checkCluster(args: DoctorArgs, io: CommandContext["io"]): Promise<Check[]> {
  try {
    const [{ loadConnection }, { KubeClient }, { checkCluster: check }] = await Promise.all([
      import("../kube/connection.ts"),
      import("../kube/client.ts"),
      import("../session/check-cluster.ts"),
    ]);
    const connection = loadConnection(readConnectionFlags(args), io.env);
    return await check(new KubeClient(connection), connection.namespace, io.interrupts.signal);
  } catch (thrown) {
    const { message, hint } = toSwapError(thrown);
    return [
      {
        part: "cluster",
        name: "connection",
        ok: false,
        detail: message,
        ...(hint === undefined ? {} : { mend: hint }),
      },
    ];
  }
}

function format(checks: readonly Check[]): string {
  const rows = checks.map(({ part, name, ok, detail, mend, without }) => [
    ok ? "✓" : "✗",
    part,
    name,
    [detail, mend && `mend: ${mend}`, without].filter(Boolean).join("; "),
  ]);
  return formatTable(rows);
}
