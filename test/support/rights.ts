import { chmod, chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dump, load } from "js-yaml";
import type { Namespace } from "./namespace.ts";
import { surroundings } from "./surroundings.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** The rights in a namespace that the README asks for, and no other. */
export const swapRules: readonly Rule[] = [
  { apiGroups: ["apps"], resources: ["deployments", "replicasets"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
  { apiGroups: [""], resources: ["pods/portforward"], verbs: ["get", "create"] },
  { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
];

/** A person with these rights only, and a machine of theirs: kubeconfig and HOME. */
export interface Colleague extends AsyncDisposable {
  readonly kubeconfig: string;
  readonly home: string;
}

/** A service account of this name with a Role of these rules, and a kubeconfig with its token. */
export async function useColleague(ns: Namespace, name: string, rules = swapRules): Promise<Colleague> {
  const { kubeconfig, tester } = surroundings();
  const rbac = "rbac.authorization.k8s.io";
  await ns.apply(
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } },
    { apiVersion: `${rbac}/v1`, kind: "Role", metadata: { name }, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: "Role", name },
      subjects: [{ kind: "ServiceAccount", name, namespace: ns.name }],
    },
  );
  const token = (await ns.kubectl("create", "token", name)).trim();
  const config = load(await readFile(kubeconfig, "utf8")) as { users: { user: object }[] };
  const home = await mkdtemp(join(tmpdir(), "swap-colleague-"));
  const own = join(home, "kubeconfig");
  await writeFile(own, dump({ ...config, users: config.users.map((user) => ({ ...user, user: { token } })) }));
  await chmod(own, 0o600);
  for (const path of [home, own]) await chown(path, tester.uid, tester.gid);
  return { kubeconfig: own, home, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}
