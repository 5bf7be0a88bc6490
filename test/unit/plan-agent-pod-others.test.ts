import { describe, expect, it } from "vitest";
import { planAgentPod } from "../../src/plan/agent-pod.ts";
import { agentPodInput, containerOf, planFor, readTemplate, templateNames } from "./fixtures/template.ts";

const mesh = () => planFor("mesh", { container: "orders" });

describe("containers beside the target", () => {
  it("live as long as the agent: each asks /live of its port", () => {
    const plan = mesh();
    const httpGet = { path: "/live", port: plan.agentPorts.health };
    for (const name of ["istio-proxy", "exporter"]) {
      expect(containerOf(plan, name).livenessProbe).toEqual({
        httpGet,
        periodSeconds: 1,
        timeoutSeconds: 5,
        successThreshold: 1,
        failureThreshold: 2,
      });
      expect(containerOf(plan, name).startupProbe).toMatchObject({ httpGet, periodSeconds: 1, failureThreshold: 600 });
    }
  });

  it("keep their readiness and postStart, and lose preStop and restart rules", () => {
    const original = readTemplate("mesh").spec?.containers[0];
    const proxy = containerOf(mesh(), "istio-proxy");
    expect(proxy.readinessProbe).toEqual(original?.readinessProbe);
    expect(proxy.lifecycle).toEqual({ postStart: { exec: { command: ["pilot-agent", "wait"] } } });
    for (const field of ["restartPolicy", "restartPolicyRules", "resizePolicy"])
      expect(proxy).not.toHaveProperty(field);
    expect(proxy.securityContext).toEqual(original?.securityContext);
    expect(containerOf(mesh(), "exporter")).not.toHaveProperty("lifecycle");
    expect(containerOf(mesh(), "exporter").args).toBeUndefined();
  });

  it("stay as they are when they are init containers", () => {
    expect(mesh().pod.spec?.initContainers).toEqual(readTemplate("mesh").spec?.initContainers);
    expect(containerOf(planFor("native-sidecar"), "migrate")).toEqual({
      name: "migrate",
      image: "shop/ledger:7",
      command: ["./migrate", "up"],
    });
  });

  it("keep their own probes and restarts when they are native sidecars, without the preStop hook", () => {
    const original = readTemplate("native-sidecar").spec?.initContainers?.[1];
    const { lifecycle: _lifecycle, resizePolicy: _resizePolicy, ...kept } = original ?? { name: "" };
    expect(containerOf(planFor("native-sidecar"), "cloud-sql-proxy")).toEqual(kept);
  });
});

describe("the agent's delivery", () => {
  const image = { reference: "registry.example.com/swap-agent:1", pullPolicy: "Always" };

  it("is an image volume, mounted read-only", () => {
    const { pod } = planFor("web-api", { options: { image } });
    expect(pod.spec?.volumes?.at(-1)).toEqual({ name: "swap-agent", image });
    expect(pod.spec?.initContainers).toBeUndefined();
    const plain = planFor("web-api").pod.spec?.volumes?.at(-1);
    expect(plain).toEqual({ name: "swap-agent", image: { reference: "swap-agent:0.1.0" } });
  });

  it("is a first init container that copies into an emptyDir where the server knows no image volumes", () => {
    const { pod } = planFor("native-sidecar", { options: { image, delivery: "init-container" } });
    expect(pod.spec?.volumes).toEqual([{ name: "swap-agent", emptyDir: {} }]);
    expect(pod.spec?.initContainers?.map((container) => container.name)).toEqual([
      "swap-agent",
      "migrate",
      "cloud-sql-proxy",
    ]);
    expect(pod.spec?.initContainers?.[0]).toMatchObject({
      image: image.reference,
      imagePullPolicy: "Always",
      command: ["/agent", "copy", "/target"],
      volumeMounts: [{ name: "swap-agent", mountPath: "/target" }],
    });
    expect(containerOf(planFor("native-sidecar"), "ledger").volumeMounts).toEqual([
      { name: "swap-agent", mountPath: "/.swap", readOnly: true },
    ]);
  });

  it.each([
    ["web-api", 65_532],
    ["host", 65_532],
    ["restricted", undefined],
  ])("by init container is valid under Pod Security restricted in %s", (template, uid) => {
    const { pod } = planFor(template, { options: { delivery: "init-container" } });
    expect(pod.spec?.initContainers?.[0]?.securityContext).toEqual({
      runAsNonRoot: true,
      ...(uid === undefined ? {} : { runAsUser: uid }),
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    });
  });

  it("asks for what the target asks for, without devices, and for room where storage is limited", () => {
    const delivery = "init-container" as const;
    const plan = planFor("mesh", { container: "orders", options: { delivery } });
    const expected = { memory: "64Mi", cpu: "100m", "ephemeral-storage": "260Mi" };
    expect(containerOf(plan, "orders").resources?.limits).toEqual(expected);
    expect(containerOf(plan, "swap-agent").resources).toEqual({
      limits: expected,
      requests: { memory: "32Mi", "ephemeral-storage": "100Mi" },
    });
    const restricted = planFor("restricted", { options: { delivery } });
    expect(containerOf(restricted, "swap-agent-2").resources).toEqual({
      limits: { memory: "64Mi" },
      requests: { memory: "48Mi" },
    });
    expect(containerOf(planFor("host", { options: { delivery } }), "swap-agent").resources).toEqual({});
  });

  it("takes other names where the template has taken them", () => {
    const { pod } = planFor("restricted", { options: { delivery: "init-container" } });
    expect(pod.spec?.volumes?.map((volume) => volume.name)).toEqual(["swap-agent", "swap-agent-2"]);
    expect(pod.spec?.initContainers?.[0]).toMatchObject({
      name: "swap-agent-2",
      volumeMounts: [{ name: "swap-agent-2", mountPath: "/target" }],
    });
    expect(pod.spec?.containers[0]?.volumeMounts?.[1]?.name).toBe("swap-agent-2");
  });

  it.each(["/.swap", "/.swap/", "/.swap/cache", "//.swap", "/tmp/../.swap"])(
    "refuses a template's mount at %s",
    (path) => {
      const template = readTemplate("restricted");
      const container = template.spec?.containers[0];
      if (container !== undefined) container.volumeMounts = [{ name: "swap-agent", mountPath: path }];
      expect(() => planAgentPod(agentPodInput(template))).toThrow(expect.objectContaining({ code: "unsupported" }));
    },
  );

  it("does not mind a mount that only begins alike", () => {
    const template = readTemplate("restricted");
    const container = template.spec?.containers[0];
    if (container !== undefined) container.volumeMounts = [{ name: "swap-agent", mountPath: "/.swapfile" }];
    expect(() => planAgentPod(agentPodInput(template))).not.toThrow();
  });

  it.each(templateNames)("weakens no security context of %s", (name) => {
    const original = readTemplate(name).spec?.containers ?? [];
    const { pod } = planFor(name, { options: { delivery: "init-container" } });
    for (const container of original) {
      const planned = pod.spec?.containers.find((candidate) => candidate.name === container.name);
      expect(planned?.securityContext).toEqual(container.securityContext);
    }
  });
});
