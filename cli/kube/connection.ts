import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { SwapError } from "../../src/error.ts";

/** The flags that kubectl has for choosing a cluster and an identity, already parsed. */
export interface ConnectionFlags {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
  readonly namespace?: string | undefined;
  readonly as?: string | undefined;
  readonly asGroup?: readonly string[] | undefined;
  /** How long one request may take, in ms; 0 is without end. */
  readonly requestTimeoutMs?: number | undefined;
}

/** One cluster, one identity and one namespace: everything that a client needs. */
export interface Connection {
  readonly kubeconfig: KubeConfig;
  readonly contextName: string;
  readonly server: URL;
  readonly namespace: string;
  readonly impersonation: Readonly<Record<string, string | string[]>>;
  readonly requestTimeoutMs: number;
}

const overrideContext = "(flags)";

/**
 * Resolves the flags as kubectl does: `--kubeconfig`, else the list in KUBECONFIG, else ~/.kube/config, else the
 * service account of the pod that swap runs in.
 * @throws SwapError not-found when a file, context, cluster or user does not exist, usage when a file cannot be read.
 */
export function loadConnection(flags: ConnectionFlags, env: NodeJS.ProcessEnv): Connection {
  const kubeconfig = readKubeconfig(flags.kubeconfig, env);
  if (flags.context !== undefined) selectContext(kubeconfig, flags.context);
  if (flags.cluster !== undefined || flags.user !== undefined) overrideParts(kubeconfig, flags.cluster, flags.user);
  const cluster = kubeconfig.getCurrentCluster();
  if (!cluster) throw noCluster(kubeconfig);
  const inCluster = env["POD_NAMESPACE"];
  return {
    kubeconfig,
    contextName: kubeconfig.getCurrentContext(),
    server: new URL(cluster.server),
    namespace:
      flags.namespace ??
      kubeconfig.getContextObject(kubeconfig.getCurrentContext())?.namespace ??
      inCluster ??
      "default",
    impersonation: impersonationHeaders(flags),
    requestTimeoutMs: flags.requestTimeoutMs ?? 30_000,
  };
}

function readKubeconfig(flag: string | undefined, env: NodeJS.ProcessEnv): KubeConfig {
  if (flag !== undefined && !existsSync(flag)) {
    throw new SwapError("not-found", `kubeconfig file "${flag}" does not exist`, {
      hint: "give another path with --kubeconfig, or leave the flag out to use KUBECONFIG or ~/.kube/config",
    });
  }
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const fallback = join(env["HOME"] ?? homedir(), ".kube", "config");
  const paths = (flag !== undefined ? [flag] : listed.length > 0 ? listed : [fallback]).filter((path) =>
    existsSync(path),
  );
  const kubeconfig = new KubeConfig();
  if (paths.length === 0) {
    if (env["KUBERNETES_SERVICE_HOST"] !== undefined && listed.length === 0) kubeconfig.loadFromCluster();
    return kubeconfig;
  }
  paths.forEach((path, index) => {
    try {
      const file = new KubeConfig();
      file.loadFromFile(resolve(path));
      if (index === 0) kubeconfig.loadFromFile(resolve(path));
      else kubeconfig.mergeConfig(file, true);
    } catch (cause) {
      throw new SwapError("usage", `kubeconfig file "${path}" cannot be read: ${(cause as Error).message}`, {
        hint: "mend the file, or name another with --kubeconfig",
        cause,
      });
    }
  });
  return kubeconfig;
}

function selectContext(kubeconfig: KubeConfig, context: string): void {
  if (!kubeconfig.getContextObject(context)) {
    const known = kubeconfig.getContexts().map(({ name }) => name);
    throw new SwapError("not-found", `context "${context}" does not exist in the kubeconfig`, {
      hint: known.length > 0 ? `contexts there are: ${known.join(", ")}` : "the kubeconfig has no contexts",
    });
  }
  kubeconfig.setCurrentContext(context);
}

function overrideParts(kubeconfig: KubeConfig, cluster: string | undefined, user: string | undefined): void {
  const current = kubeconfig.getContextObject(kubeconfig.getCurrentContext());
  if (cluster !== undefined && !kubeconfig.getCluster(cluster)) throw unknownPart("cluster", cluster);
  if (user !== undefined && !kubeconfig.getUser(user)) throw unknownPart("user", user);
  kubeconfig.addContext({
    name: overrideContext,
    cluster: cluster ?? current?.cluster ?? "",
    user: user ?? current?.user ?? "",
    ...(current?.namespace === undefined ? {} : { namespace: current.namespace }),
  });
  kubeconfig.setCurrentContext(overrideContext);
}

function unknownPart(part: string, name: string): SwapError {
  return new SwapError("not-found", `${part} "${name}" does not exist in the kubeconfig`, {
    hint: "`kubectl config view` lists what is there",
  });
}

function noCluster(kubeconfig: KubeConfig): SwapError {
  const contexts = kubeconfig.getContexts().map(({ name }) => name);
  return new SwapError("not-found", "no cluster is configured: the kubeconfig has no usable current context", {
    hint:
      contexts.length > 0
        ? `choose one with --context: ${contexts.join(", ")}`
        : "set KUBECONFIG or --kubeconfig, or make a cluster with `swap lab up`",
  });
}

function impersonationHeaders(flags: ConnectionFlags): Record<string, string | string[]> {
  if (flags.as === undefined) {
    if (flags.asGroup?.length) {
      throw new SwapError("usage", "--as-group needs --as: a group alone cannot be impersonated", {
        hint: "add --as USER",
      });
    }
    return {};
  }
  return {
    "Impersonate-User": flags.as,
    ...(flags.asGroup?.length ? { "Impersonate-Group": [...flags.asGroup] } : {}),
  };
}
