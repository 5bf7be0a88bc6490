import type { CommandModule } from "yargs";
import type { SessionStatus } from "../session/status.ts";
import { readConnectionFlags, withConnectionFlags, type ConnectionArgs } from "./connection-flags.ts";
import type { CommandContext } from "./context.ts";
import { printObject } from "./print-object.ts";
import { formatAge, formatBytes, formatTable } from "./table.ts";

interface StatusArgs extends ConnectionArgs {
  allNamespaces: boolean;
  output?: string | undefined;
}

/** `swap status [-A] [-o json|wide]`: who swaps what, from the cluster's own knowledge. */
export function statusCommand({ io, progress }: CommandContext): CommandModule<object, StatusArgs> {
  return {
    command: "status",
    describe: "list what is swapped, by whom and since when",
    builder: (argv) =>
      withConnectionFlags(argv)
        .option("all-namespaces", { alias: "A", type: "boolean", default: false, describe: "look in every namespace" })
        .option("output", { alias: "o", choices: ["json", "yaml", "wide"], describe: "form of the list" }) as never,
    handler: async (args) => {
      const [{ loadConnection }, { KubeClient }, { listSessions }] = await Promise.all([
        import("../kube/connection.ts"),
        import("../kube/client.ts"),
        import("../session/status.ts"),
      ]);
      const connection = loadConnection(readConnectionFlags(args), io.env);
      const namespace = args.allNamespaces ? undefined : connection.namespace;
      const sessions = await listSessions(new KubeClient(connection), namespace, io.interrupts.signal);
      if (args.output === "json" || args.output === "yaml") printObject(io, sessions, args.output);
      else if (sessions.length > 0) io.stdout.write(formatSessions(sessions, args.output === "wide"));
      else
        progress.say(`nothing is swapped in ${namespace === undefined ? "any namespace" : `namespace ${namespace}`}`);
    },
  };
}

function formatSessions(sessions: readonly SessionStatus[], wide: boolean): string {
  const header = ["NAMESPACE", "TARGET", "STATE", "HOLDER", "HOST", "AGE", "PORTS", "REPLICAS"];
  const rows = sessions.map((session) => [
    session.namespace,
    session.target,
    session.graceLeftMs === undefined
      ? session.state
      : `${session.state} (ends in ${Math.ceil(session.graceLeftMs / 1000)}s)`,
    session.holder,
    session.host,
    formatAge(session.ageSeconds),
    session.ports.map(({ local, remote }) => (local === remote ? `${remote}` : `${remote}→${local}`)).join(",") || "-",
    `${session.pods.filter(({ ready }) => ready).length}/${session.replicas}`,
  ]);
  if (!wide) return formatTable([header, ...rows]);
  const more = sessions.map(({ connections, bytes, pods }) => [
    `${connections.open} open, ${connections.total} in all`,
    formatBytes(bytes.in),
    formatBytes(bytes.out),
    pods.map(({ name }) => name).join(","),
  ]);
  return formatTable([
    [...header, "CONNECTIONS", "IN", "OUT", "PODS"],
    ...rows.map((row, index) => [...row, ...(more[index] ?? [])]),
  ]);
}
