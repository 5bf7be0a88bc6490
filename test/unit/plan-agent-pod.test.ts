import { describe, expect, it } from "vitest";
import { planAgentPod } from "../../src/plan/agent-pod.ts";
import { readAgentFacts } from "../../src/plan/markers.ts";
import { agentPodInput, containerOf, planFor, readTemplate, templateNames } from "./fixtures/template.ts";

describe("the agent pod as a whole", () => {
  it("is the template's pod, in the target's namespace, that never restarts and ends after 12 hours", () => {
    const { pod } = planFor("web-api");
    expect(pod).toMatchObject({ apiVersion: "v1", kind: "Pod", metadata: { namespace: "shop" } });
    expect(pod.spec).toMatchObject({ restartPolicy: "Never", activeDeadlineSeconds: 43_200 });
    expect(planFor("web-api", { options: { maxAgeSeconds: 90 } }).pod.spec?.activeDeadlineSeconds).toBe(90);
    expect(pod.metadata?.ownerReferences).toBeUndefined();
  });

  it.each(templateNames)("leaves everything else of the spec as %s has it, unknown fields too", (name) => {
    const original = readTemplate(name).spec;
    const { pod } = planFor(name);
    const changed = ["containers", "initContainers", "volumes", "restartPolicy", "activeDeadlineSeconds"];
    changed.push("terminationGracePeriodSeconds", "securityContext");
    const rest = (spec: object | undefined) => Object.entries(spec ?? {}).filter(([field]) => !changed.includes(field));
    expect(rest(pod.spec)).toEqual(rest(original));
    expect(pod.spec?.volumes?.slice(0, -1)).toEqual(original?.volumes ?? []);
    expect(pod.spec?.containers.map((container) => container.name)).toEqual(
      original?.containers.map((container) => container.name),
    );
  });

  it.each(templateNames)("does not touch the template %s itself", (name) => {
    const template = readTemplate(name);
    planAgentPod(agentPodInput(template, { options: { delivery: "init-container" } }));
    expect(template).toEqual(readTemplate(name));
  });

  it("keeps unknown fields, finalizers, readiness gates and spread constraints", () => {
    const { pod } = planFor("web-api");
    expect(pod.spec).toMatchObject({
      someFieldOfTomorrow: { kept: [1, 2] },
      readinessGates: [{ conditionType: "target-health.elbv2.k8s.aws/shop" }],
      topologySpreadConstraints: [{ matchLabelKeys: ["pod-template-hash"] }],
      serviceAccountName: "api",
    });
    expect(pod.metadata?.finalizers).toEqual(["example.com/dns"]);
    expect(containerOf(planFor("web-api"), "api")).toMatchObject({ someContainerFieldOfTomorrow: "kept" });
  });

  it("has the template's labels without the withheld one, and the session's", () => {
    expect(planFor("web-api").pod.metadata?.labels).toEqual({
      "app.kubernetes.io/name": "api",
      "app.kubernetes.io/instance": "shop",
      "swap.dev/session": "s-1a2b3c",
      "swap.dev/workload": "deployment.api",
      "swap.dev/state": "agent",
    });
  });

  it("has the template's annotations, the deletion cost, and what another machine needs to know", () => {
    const { pod, agentPorts } = planFor("web-api");
    expect(pod.metadata?.annotations).toMatchObject({
      "checksum/config": "9f86d081884c7d65",
      "controller.kubernetes.io/pod-deletion-cost": "2147483647",
    });
    expect(readAgentFacts(pod)).toEqual({
      session: "s-1a2b3c",
      state: "agent",
      target: "deployment/api/api",
      replicaSet: "api-7d4b9c6f8",
      withheld: { key: "pod-template-hash", value: "7d4b9c6f8" },
      holder: "ada@example.com",
      host: "adas-laptop",
      created: "2026-11-20T08:30:00.000Z",
      ports: [{ local: 3000, remote: 8080 }],
      graceMs: 30_000,
      tunnelPort: agentPorts.tunnel,
      healthPort: agentPorts.health,
    });
  });

  it("is named after the workload within 63 characters", () => {
    expect(planFor("web-api").pod.metadata?.generateName).toBe("api-swap-");
    expect(planFor("web-api", { options: { nameSuffix: "x7k2p" } }).pod.metadata?.name).toBe("api-swap-x7k2p");
    const workload = { kind: "Deployment", name: `${"a".repeat(50)}.${"b".repeat(150)}` };
    const { metadata } = planFor("web-api", { workload }).pod;
    expect(metadata?.generateName).toBe(`${"a".repeat(50)}.b-swap-`);
    expect(metadata?.generateName).toHaveLength(63 - 5);
    expect(metadata?.labels?.["swap.dev/workload"]).toMatch(/^deployment\.a{41}-[0-9a-f]{10}$/);
    const endingInDot = { kind: "Deployment", name: `${"a".repeat(51)}.b` };
    expect(planFor("web-api", { workload: endingInDot }).pod.metadata?.generateName).toBe(`${"a".repeat(51)}-swap-`);
  });

  it("drains 30 s alone, and 2 s where other containers could hold up its end", () => {
    expect(planFor("web-api").pod.spec?.terminationGracePeriodSeconds).toBe(30);
    expect(planFor("mesh").pod.spec?.terminationGracePeriodSeconds).toBe(2);
    expect(planFor("native-sidecar").pod.spec?.terminationGracePeriodSeconds).toBe(2);
  });

  it("may listen on any port, unless the pod is on the host's network or decides for itself", () => {
    const sysctl = { name: "net.ipv4.ip_unprivileged_port_start", value: "0" };
    expect(planFor("web-api").pod.spec?.securityContext).toEqual({
      fsGroup: 2000,
      sysctls: [{ name: "net.ipv4.ip_local_port_range", value: "40000 60000" }, sysctl],
    });
    expect(planFor("mesh").pod.spec?.securityContext).toEqual({ sysctls: [sysctl] });
    expect(planFor("host").pod.spec?.securityContext).toEqual({ runAsUser: 0 });
    expect(planFor("sysctl").pod.spec?.securityContext?.sysctls).toEqual([{ ...sysctl, value: "53" }]);
  });

  it("takes ports of its own that the pod does not use", () => {
    expect(planFor("web-api").agentPorts).toEqual({ tunnel: 28_100, health: 28_101 });
    const ports = [{ remote: 28_101, local: 1, source: "mapping" as const }];
    expect(planFor("restricted", { ports }).agentPorts).toEqual({ tunnel: 28_102, health: 28_103 });
  });

  it("takes other ports for each pod on the host's network", () => {
    const chosen = ["a", "b", "c"].map((nameSuffix) => planFor("host", { options: { nameSuffix } }).agentPorts.tunnel);
    expect(new Set(chosen).size).toBe(3);
    for (const port of chosen) expect(port >= 28_100 && port < 29_900).toBe(true);
  });

  it("refuses pods of Windows", () => {
    const template = readTemplate("web-api");
    const windows = { ...template, spec: { containers: template.spec?.containers ?? [], os: { name: "windows" } } };
    expect(() => planAgentPod(agentPodInput(windows))).toThrow(expect.objectContaining({ code: "unsupported" }));
  });
});

describe("the target container", () => {
  it("runs the agent and nothing else of its own", () => {
    const { tunnel, health } = planFor("web-api").agentPorts;
    expect(containerOf(planFor("web-api"), "api")).toMatchObject({
      command: ["/.swap/agent"],
      args: [
        "run",
        "--session",
        "s-1a2b3c",
        "--public-key",
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "--grace",
        "30000",
        "--tunnel-port",
        `${tunnel}`,
        "--health-port",
        `${health}`,
      ],
      readinessProbe: { httpGet: { path: "/ready", port: health }, periodSeconds: 1, timeoutSeconds: 5 },
      terminationMessagePath: "/dev/termination-log",
      terminationMessagePolicy: "FallbackToLogsOnError",
    });
  });

  it("asks readiness of the agent alone, not in the original's way", () => {
    expect(containerOf(planFor("web-api"), "api").readinessProbe).not.toHaveProperty("exec");
    expect(containerOf(planFor("web-api"), "api").readinessProbe).not.toHaveProperty("initialDelaySeconds");
  });

  it.each([
    ["web-api", "api"],
    ["mesh", "orders"],
  ])("of %s has no probe, hook, terminal or restart rule of the original", (template, name) => {
    const container = containerOf(planFor(template, { container: name }), name);
    const gone = ["lifecycle", "livenessProbe", "startupProbe", "stdin", "stdinOnce", "tty"];
    gone.push("restartPolicy", "restartPolicyRules", "resizePolicy");
    for (const field of gone) expect(container).not.toHaveProperty(field);
  });

  it("keeps image, environment, ports, volumes, working directory, security and resources", () => {
    const original = readTemplate("web-api").spec?.containers[0];
    const container = containerOf(planFor("web-api"), "api");
    for (const field of ["image", "imagePullPolicy", "env", "envFrom", "ports", "workingDir"] as const) {
      expect(container[field]).toEqual(original?.[field]);
    }
    expect(container.securityContext).toEqual(original?.securityContext);
    expect(container.resources).toEqual(original?.resources);
    expect(container.volumeMounts).toEqual([
      ...(original?.volumeMounts ?? []),
      { name: "swap-agent", mountPath: "/.swap", readOnly: true },
    ]);
  });

  it("has at least 64 MiB of memory, and requests what it did, also what the limit implied", () => {
    const little = containerOf(planFor("mesh", { container: "orders" }), "orders").resources;
    expect(little?.limits).toEqual({ memory: "64Mi", cpu: "100m", "ephemeral-storage": "100Mi" });
    expect(little?.requests).toEqual({ memory: "32Mi" });
    const restricted = containerOf(planFor("restricted"), "swap-agent").resources;
    expect(restricted?.limits).toEqual({ memory: "64Mi", "nvidia.com/gpu": 1 });
    expect(restricted?.requests).toEqual({ memory: "48Mi" });
  });

  it("fits into a pod-level memory limit, which is raised alike", () => {
    const template = readTemplate("native-sidecar");
    if (template.spec !== undefined) template.spec.resources = { limits: { memory: "40Mi" }, requests: { cpu: "1" } };
    expect(planAgentPod(agentPodInput(template)).pod.spec?.resources).toEqual({
      limits: { memory: "64Mi" },
      requests: { cpu: "1", memory: "40Mi" },
    });
  });

  it("that does not exist is refused", () => {
    expect(() => planFor("web-api", { container: "nope" })).toThrow(expect.objectContaining({ code: "not-found" }));
  });
});
