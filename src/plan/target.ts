import { SwapError } from "../error.ts";

/** What a developer named on the command line. */
export interface Target {
  kind: SupportedKind;
  name: string;
  container?: string;
}

/** The kinds of workload that can be swapped. */
export type SupportedKind = "Deployment" | "ReplicaSet";

interface Kind {
  kind: string;
  /** The API group; empty for the core group. */
  group: string;
  names: readonly string[];
}

const kinds: readonly Kind[] = [
  { kind: "Deployment", group: "apps", names: ["deploy", "deployment", "deployments"] },
  { kind: "ReplicaSet", group: "apps", names: ["rs", "replicaset", "replicasets"] },
  { kind: "StatefulSet", group: "apps", names: ["sts", "statefulset", "statefulsets"] },
  { kind: "DaemonSet", group: "apps", names: ["ds", "daemonset", "daemonsets"] },
  { kind: "Pod", group: "", names: ["po", "pod", "pods"] },
  { kind: "ReplicationController", group: "", names: ["rc", "replicationcontroller", "replicationcontrollers"] },
  { kind: "Service", group: "", names: ["svc", "service", "services"] },
  { kind: "Job", group: "batch", names: ["job", "jobs"] },
  { kind: "CronJob", group: "batch", names: ["cj", "cronjob", "cronjobs"] },
];

const hint = "name it as in: swap deploy/api, or swap deploy/api/container";

/**
 * Reads `kind/name[/container]` as kubectl's users write it: short names, plurals, `deployments.apps` and
 * `deployments.v1.apps`, in any case.
 *
 * @param container the value of `-c`, which must not contradict the target's own
 * @throws SwapError usage for what is not a target, unsupported for a kind that cannot be swapped
 */
export function parseTarget(text: string, container?: string): Target {
  const parts = text.split("/");
  const [resource = "", name = "", inTarget] = parts;
  if (parts.length < 2 || parts.length > 3 || resource === "" || inTarget === "") {
    throw new SwapError("usage", `"${text}" does not name a workload`, { hint });
  }
  const kind = supportedKind(resource, name);
  if (!isName(name, 253)) {
    throw new SwapError("usage", `"${name}" cannot be the name of a ${kind}`, { hint });
  }
  if (inTarget !== undefined && container !== undefined && inTarget !== container) {
    throw new SwapError("usage", `the target says container "${inTarget}" and -c says "${container}"`, {
      hint: "name the container once",
    });
  }
  const chosen = inTarget ?? container;
  if (chosen === undefined) return { kind, name };
  if (!isName(chosen, 63)) {
    throw new SwapError("usage", `"${chosen}" cannot be the name of a container`, { hint });
  }
  return { kind, name, container: chosen };
}

function supportedKind(resource: string, name: string): SupportedKind {
  const [plain = "", ...rest] = resource.toLowerCase().split(".");
  if (!/^[a-z][a-z0-9-]*$/.test(plain)) throw new SwapError("usage", `"${resource}" is not a kind`, { hint });
  const group = (/^v\d/.test(rest[0] ?? "") ? rest.slice(1) : rest).join(".");
  const found = kinds.find((kind) => kind.names.includes(plain) && (rest.length === 0 || kind.group === group));
  if (found?.kind === "Deployment" || found?.kind === "ReplicaSet") return found.kind;
  throw new SwapError("unsupported", `a ${found?.kind ?? resource} (${name}) cannot be swapped yet`, {
    hint: "this version swaps Deployments and ReplicaSets",
  });
}

function isName(text: string, longest: number): boolean {
  const form = longest > 63 ? /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/ : /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
  return text.length <= longest && form.test(text);
}
