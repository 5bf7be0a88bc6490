import type { Argv } from "yargs";
import { SwapError } from "../../src/error.ts";
import type { ConnectionFlags } from "../kube/connection.ts";

export interface ConnectionArgs {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  cluster?: string | undefined;
  user?: string | undefined;
  namespace?: string | undefined;
  as?: string | undefined;
  asGroup?: string[] | undefined;
  requestTimeout?: string | undefined;
}

/** The flags by which kubectl chooses a cluster, an identity and a namespace, spelled as kubectl spells them. */
export function withConnectionFlags<T>(argv: Argv<T>): Argv<T & ConnectionArgs> {
  const group = "Cluster:";
  const text = (describe: string) => ({ type: "string", describe, group, requiresArg: true }) as const;
  return argv
    .option("namespace", { ...text("namespace of the workload"), alias: "n" })
    .option("context", text("context of the kubeconfig"))
    .option("kubeconfig", text("path of the kubeconfig"))
    .option("cluster", text("cluster of the kubeconfig"))
    .option("user", text("user of the kubeconfig"))
    .option("as", text("user to impersonate"))
    .option("as-group", {
      type: "string",
      array: true,
      describe: "group to impersonate (may be repeated)",
      group,
      requiresArg: true,
    })
    .option("request-timeout", text("how long one request may take, such as 10s or 1m (0: no limit)"));
}

export function readConnectionFlags(args: ConnectionArgs): ConnectionFlags {
  const { kubeconfig, context, cluster, user, namespace, as, asGroup, requestTimeout } = args;
  return {
    kubeconfig,
    context,
    cluster,
    user,
    namespace,
    as,
    asGroup,
    requestTimeoutMs: requestTimeout === undefined ? undefined : parseDuration("--request-timeout", requestTimeout),
  };
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration as Go and kubectl write it: "30s", "1m30s", "500ms"; a plain number is seconds.
 * @returns milliseconds. @throws SwapError usage, naming `flag`.
 */
export function parseDuration(flag: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new SwapError("usage", `${flag}: "${text}" is not a duration`, {
      hint: "write it as 30s, 1m30s, 500ms or 2h",
    });
  }
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ""] ?? 0), 0));
}
