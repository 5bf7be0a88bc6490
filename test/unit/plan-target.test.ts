import { describe, expect, it } from "vitest";
import { chooseContainer } from "../../src/plan/container.ts";
import { parseTarget } from "../../src/plan/target.ts";
import { readTemplate } from "./fixtures/template.ts";

describe("a target on the command line", () => {
  it.each([
    ["deploy/api", { kind: "Deployment", name: "api" }],
    ["deployment/api", { kind: "Deployment", name: "api" }],
    ["deployments/api", { kind: "Deployment", name: "api" }],
    ["deployments.apps/api.v2", { kind: "Deployment", name: "api.v2" }],
    ["deployments.v1.apps/api", { kind: "Deployment", name: "api" }],
    ["Deployment/api/app", { kind: "Deployment", name: "api", container: "app" }],
    ["rs/api-7d4b9c", { kind: "ReplicaSet", name: "api-7d4b9c" }],
    ["replicasets.apps/api", { kind: "ReplicaSet", name: "api" }],
  ])("%s is understood", (text, expected) => {
    expect(parseTarget(text)).toEqual(expected);
  });

  it("may have its container named by -c, not two different ones", () => {
    expect(parseTarget("deploy/api", "app")).toEqual({ kind: "Deployment", name: "api", container: "app" });
    expect(parseTarget("deploy/api/app", "app").container).toBe("app");
    expect(() => parseTarget("deploy/api/app", "other")).toThrow(expect.objectContaining({ code: "usage" }));
  });

  it.each([
    ["sts/web", "StatefulSet"],
    ["ds/agent", "DaemonSet"],
    ["po/api-x", "Pod"],
    ["cj/nightly", "CronJob"],
    ["svc/api", "Service"],
    ["mycrd/x", "mycrd"],
    ["rollouts.argoproj.io/api", "rollouts.argoproj.io"],
    ["deployments.example.com/api", "deployments.example.com"],
  ])("%s is refused with a sentence that names the kind", (text, kind) => {
    expect(() => parseTarget(text)).toThrow(
      expect.objectContaining({ code: "unsupported", message: expect.stringContaining(kind) }),
    );
  });

  it.each(["", "api", "/api", "deploy/", "deploy/API", "deploy/api/", "deploy/api/app/x", "deploy/../x", "de ploy/x"])(
    "%j is not one",
    (text) => {
      expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: "usage" }));
    },
  );
});

describe("the container to swap", () => {
  it("is the requested one, the marked one, or the only one", () => {
    expect(chooseContainer(readTemplate("mesh"), "exporter").name).toBe("exporter");
    expect(chooseContainer(readTemplate("mesh")).name).toBe("orders");
    expect(chooseContainer(readTemplate("native-sidecar")).name).toBe("ledger");
  });

  it("must be named where there are several, and they are listed", () => {
    const { spec } = readTemplate("mesh");
    const template = spec === undefined ? {} : { spec };
    expect(() => chooseContainer(template)).toThrow(
      expect.objectContaining({ code: "usage", message: expect.stringContaining("istio-proxy, orders, exporter") }),
    );
  });

  it("that is unknown or an init container is refused, and the others are listed", () => {
    const hint = "choose one of: istio-proxy, orders, exporter";
    expect(() => chooseContainer(readTemplate("mesh"), "nope")).toThrow(
      expect.objectContaining({ code: "not-found", hint }),
    );
    expect(() => chooseContainer(readTemplate("mesh"), "istio-init")).toThrow(
      expect.objectContaining({ code: "usage", hint }),
    );
  });

  it("is not guessed from a mark that names none", () => {
    const template = readTemplate("native-sidecar");
    template.metadata = { annotations: { "kubectl.kubernetes.io/default-container": "gone" } };
    expect(chooseContainer(template).name).toBe("ledger");
  });
});
