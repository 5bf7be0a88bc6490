import type { KubeClient } from "./client.ts";
import type { AccessReview, SubjectReview } from "./objects.ts";
import { accessReviewsPath, subjectReviewsPath } from "./paths.ts";

/** One verb on one resource of a namespace. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  /** "pods" or "pods/portforward". */
  readonly resource: string;
  /** What swap does without it; a right without this is needed. */
  readonly without?: string;
}

const rights = (verbs: string, group: string, resource: string, without?: string): Right[] =>
  verbs.split(" ").map((verb) => ({ verb, group, resource, ...(without === undefined ? {} : { without }) }));

/** What swapping a Deployment or a ReplicaSet takes, and nothing more: the Role in the README is made from this. */
export const swapRights: readonly Right[] = [
  ...rights("get list watch", "apps", "deployments"),
  ...rights("get list watch", "apps", "replicasets"),
  ...rights("get list watch create patch delete", "", "pods"),
  ...rights("get create", "", "pods/portforward"),
  ...rights("get", "", "pods/log", "the agent's last words are not shown"),
  ...rights(
    "list watch",
    "discovery.k8s.io",
    "endpointslices",
    "only declared ports are taken over, and swap waits a fixed time for endpoints",
  ),
];

export function formatRight({ verb, group, resource }: Right): string {
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}`;
}

/** Those of `wanted` that this user lacks in the namespace, asked of the API server (SelfSubjectAccessReview). */
export async function missingRights(
  client: KubeClient,
  namespace: string,
  wanted: readonly Right[],
  signal: AbortSignal,
): Promise<Right[]> {
  const allowed = await Promise.all(
    wanted.map(async ({ verb, group, resource }) => {
      const [name, subresource] = resource.split("/");
      const review: AccessReview = await client.create(
        accessReviewsPath,
        {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: {
            resourceAttributes: { namespace, verb, group, resource: name, ...(subresource ? { subresource } : {}) },
          },
        },
        { signal },
      );
      return review.status?.allowed === true;
    }),
  );
  return wanted.filter((_right, index) => !allowed[index]);
}

/** Who the cluster takes us for (SelfSubjectReview, every authenticated user may ask). */
export async function whoAmI(client: KubeClient, signal: AbortSignal): Promise<string> {
  const review: SubjectReview = await client.create(
    subjectReviewsPath,
    { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    { signal },
  );
  return review.status?.userInfo?.username ?? "unknown";
}
