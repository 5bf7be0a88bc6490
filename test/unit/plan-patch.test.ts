import type { V1Pod } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { planAdopt, planRelease, planRestoreRelease, planUnlabel } from "../../src/plan/patch.ts";
import type { Raw } from "../../src/plan/raw.ts";

const withheld = { key: "pod-template-hash", value: "7d4b9c" };
const original: Raw<V1Pod> = {
  metadata: {
    name: "api-7d4b9c-abcde",
    uid: "uid-1",
    labels: { app: "api", "pod-template-hash": "7d4b9c", "swap.dev/session": "s-1", "swap.dev/state": "released" },
  },
  spec: { containers: [] },
  status: { startTime: "2026-11-20T08:00:00Z" },
};
const release = { now: new Date("2026-11-20T08:05:00.400Z"), boundSeconds: 20, withheld, session: "s-1" };

describe("patches of pods", () => {
  it("adopt by giving the label back, to this very pod", () => {
    expect(planAdopt(original, withheld)).toEqual({
      metadata: { uid: "uid-1", labels: { "pod-template-hash": "7d4b9c" } },
    });
  });

  it("release with a deadline of the pod's age, by the server's clock, and the bound", () => {
    expect(planRelease(original, release)).toEqual({
      metadata: {
        uid: "uid-1",
        labels: { "pod-template-hash": null, "swap.dev/session": "s-1", "swap.dev/state": "released" },
      },
      spec: { activeDeadlineSeconds: 321 },
    });
  });

  it("release an original that is found by its workload, too, where that is told", () => {
    const workload = { kind: "Deployment", name: "api" };
    expect(planRelease(original, { ...release, workload })["metadata"]).toMatchObject({
      labels: { "swap.dev/workload": "deployment.api", "swap.dev/state": "released" },
    });
  });

  it("count from the release for a pod that has not started, or starts in the future by its clock", () => {
    expect(planRelease({ ...original, status: {} }, release)["spec"]).toEqual({ activeDeadlineSeconds: 20 });
    const future = { ...original, status: { startTime: "2026-11-20T09:00:00Z" } };
    expect(planRelease(future, release)["spec"]).toEqual({ activeDeadlineSeconds: 20 });
  });

  it("never raise a deadline, which the API server would refuse", () => {
    const bounded = { ...original, spec: { containers: [], activeDeadlineSeconds: 300 } };
    expect(planRelease(bounded, release)).not.toHaveProperty("spec");
    const later = { ...original, spec: { containers: [], activeDeadlineSeconds: 3600 } };
    expect(planRelease(later, release)["spec"]).toEqual({ activeDeadlineSeconds: 321 });
  });

  it("take every label off a released original but those by which it is swept", () => {
    expect(planUnlabel(original)).toEqual({
      metadata: { uid: "uid-1", labels: { app: null, "pod-template-hash": null } },
    });
  });

  it("let an agent pod leave its controller and go on serving", () => {
    expect(planRestoreRelease(original, withheld)).toEqual({
      metadata: { uid: "uid-1", labels: { "pod-template-hash": null, "swap.dev/state": "restoring" } },
    });
  });
});
