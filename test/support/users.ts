import { swapRights, type Right } from "../../cli/kube/rights.ts";
import { kubectl, kubectlJson } from "./kubectl.ts";
import type { Namespace } from "./namespace.ts";
import type { Sandbox } from "./sandbox.ts";

/** A ServiceAccount, a Role with exactly these rights, and what binds them. */
export function userWith(ns: Namespace, name: string, rights: readonly Right[] = swapRights): object[] {
  const rules = rights.map(({ verb, group, resource }) => ({
    apiGroups: [group],
    resources: [resource],
    verbs: [verb],
  }));
  const rbac = "rbac.authorization.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } },
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata: { name }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: ns.name }],
    },
  ];
}

/** The ServiceAccount as the cluster names it. */
export function userName(ns: Namespace, name: string): string {
  return `system:serviceaccount:${ns.name}:${name}`;
}

interface Kubeconfig {
  clusters: { name: string; cluster: object }[];
}

/** A kubeconfig of its own with a token of the ServiceAccount, and nothing of the administrator's. @returns its path. */
export async function kubeconfigOf(ns: Namespace, name: string, sandbox: Sandbox): Promise<string> {
  const token = (await kubectl(["-n", ns.name, "create", "token", name])).trim();
  const { clusters } = await kubectlJson<Kubeconfig>(["config", "view", "--raw"]);
  const context = { cluster: clusters[0]?.name, user: name, namespace: ns.name };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters,
    users: [{ name, user: { token } }],
    contexts: [{ name, context }],
    "current-context": name,
  };
  return await sandbox.write(`${name}.kubeconfig`, JSON.stringify(config));
}
