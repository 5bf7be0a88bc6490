import type { V1Deployment, V1OwnerReference, V1ReplicaSet } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import type { Raw } from "../../src/plan/raw.ts";
import { selectDeploymentTemplate, selectReplicaSetTemplate } from "../../src/plan/template.ts";

const annotations = (revision: number) => ({ "deployment.kubernetes.io/revision": `${revision}` });
const deployment: Raw<V1Deployment> = {
  metadata: { name: "api", uid: "d-1", annotations: annotations(10) },
  spec: { replicas: 3, selector: {}, template: { metadata: { labels: { edited: "while paused" } } } },
};

function ownedBy(kind: string, uid = "d-1"): Raw<V1OwnerReference>[] {
  return [{ apiVersion: "apps/v1", kind, name: "api", uid, controller: true }];
}

function replicaSet(revision: number, ownerReferences = ownedBy("Deployment")): Raw<V1ReplicaSet> {
  const labels = { app: "api", "pod-template-hash": `hash${revision}` };
  return {
    metadata: { name: `api-hash${revision}`, annotations: annotations(revision), ownerReferences },
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels } } },
  };
}

function bare(selector: Record<string, string>, labels: Record<string, string> = selector): Raw<V1ReplicaSet> {
  const template = { metadata: { labels } };
  return { metadata: { name: "web" }, spec: { selector: { matchLabels: selector }, template } };
}

describe("the template that a Deployment uses now", () => {
  it("is that of the ReplicaSet with its revision, told by number, not by text", () => {
    const choice = selectDeploymentTemplate(deployment, [replicaSet(9), replicaSet(10), replicaSet(2)]);
    expect(choice.replicaSet.metadata?.name).toBe("api-hash10");
    expect(choice.template.metadata?.labels).toEqual({ app: "api", "pod-template-hash": "hash10" });
    expect(choice).toMatchObject({
      withheld: { key: "pod-template-hash", value: "hash10" },
      servesWithout: true,
      replicas: 3,
    });
  });

  it("is the newest before the Deployment's own revision is written", () => {
    expect(selectDeploymentTemplate(deployment, [replicaSet(9), replicaSet(11)]).replicaSet.metadata?.name).toBe(
      "api-hash11",
    );
  });

  it("is never another Deployment's, of the same name or not", () => {
    const foreign = replicaSet(10, ownedBy("Deployment", "d-of-before"));
    expect(() => selectDeploymentTemplate(deployment, [foreign])).toThrow(
      expect.objectContaining({ code: "not-ready" }),
    );
  });
});

describe("the template of a bare ReplicaSet", () => {
  it("is refused where a Deployment owns it, which is named", () => {
    expect(() => selectReplicaSetTemplate(replicaSet(1))).toThrow(
      expect.objectContaining({ code: "usage", hint: "swap deploy/api instead" }),
    );
  });

  it("is its own where nobody or some other kind owns it", () => {
    expect(selectReplicaSetTemplate(bare({ app: "web" }))).toMatchObject({
      withheld: { key: "app", value: "web" },
      replicas: 1,
    });
    const rollout = bare({ app: "web", "rollouts-pod-template-hash": "abc" });
    rollout.metadata = { ...rollout.metadata, ownerReferences: ownedBy("Rollout") };
    expect(selectReplicaSetTemplate(rollout)).toMatchObject({
      withheld: { key: "rollouts-pod-template-hash", value: "abc" },
      servesWithout: true,
    });
  });

  it("withholds a label that no Service asks for, where there is one, and says whether it serves without", () => {
    const web = bare({ app: "web", tier: "front" });
    expect(selectReplicaSetTemplate(web, [{ app: "web" }])).toMatchObject({
      withheld: { key: "tier", value: "front" },
      servesWithout: true,
    });
    expect(selectReplicaSetTemplate(web, [{ app: "web", tier: "front" }])).toMatchObject({
      withheld: { key: "app" },
      servesWithout: false,
    });
    expect(selectReplicaSetTemplate(web).servesWithout).toBe(false);
  });

  it("withholds a label that an expression needs, and is refused where none is needed", () => {
    const web = bare({}, { app: "web", env: "dev" });
    const matchExpressions = [
      { key: "x", operator: "DoesNotExist" },
      { key: "env", operator: "In", values: ["dev"] },
    ];
    if (web.spec !== undefined) web.spec.selector = { matchExpressions };
    expect(selectReplicaSetTemplate(web).withheld).toEqual({ key: "env", value: "dev" });
    if (web.spec !== undefined) web.spec.selector = { matchExpressions: matchExpressions.slice(0, 1) };
    expect(() => selectReplicaSetTemplate(web)).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});
