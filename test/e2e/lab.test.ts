import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureImages, imageCacheFolder } from "../../cli/image/image-cache.ts";
import { busyboxImage } from "../../cli/image/recipes/busybox.ts";
import type { Lab } from "../../cli/lab/lab.ts";
import { labDown, labStatus, labUp, loadImages } from "../../cli/lab/labs.ts";
import {
  apply,
  dependencies,
  kubectl,
  nothing,
  pidOf,
  prepare,
  startPod,
  throughPortForward,
  traces,
  until,
} from "./lab-under-test.ts";

const minutes = 60_000;
const first = "e2e-lab-a";
const second = "e2e-lab-b";
let busybox = "";
let lab: Lab;

beforeAll(async () => {
  await prepare();
  busybox = [...(await ensureImages([busyboxImage()], { folder: imageCacheFolder(process.env) })).values()][0] ?? "";
  await labDown({ name: first }, dependencies);
  await labDown({ name: second }, dependencies);
  lab = await labUp({ name: first, nodes: 2, images: [busybox] }, dependencies);
}, 20 * minutes);

afterAll(async () => {
  if (process.env["KEEP"] !== undefined) return;
  await labDown({ name: first }, dependencies);
  await labDown({ name: second }, dependencies);
}, minutes);

describe("a lab", { timeout: 3 * minutes }, () => {
  test("has its nodes Ready when `up` returns", async () => {
    const ready = '{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status} {end}';
    expect(await kubectl(lab, "get", "nodes", `-o=jsonpath=${ready}`)).toBe(`${first}-1=True ${first}-2=True`);
  });

  test("answers cluster names and denies others at once, from any node", async () => {
    await startPod(lab, "web", { nodeName: `${first}-1` }, { command: ["httpd", "-f", "-p", "80"] });
    await apply(lab, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    });
    await startPod(lab, "client", { nodeName: `${first}-2` });
    expect(await kubectl(lab, "exec", "client", "--", "nslookup", "kubernetes.default.svc.cluster.local")).toContain(
      "10.96.0.1",
    );
    const started = Date.now();
    const answer = await kubectl(lab, "exec", "client", "--", "sh", "-c", "nslookup example.com || true");
    expect(answer).toContain("NXDOMAIN");
    expect(Date.now() - started).toBeLessThan(2_000);
    await until("the Service", () =>
      kubectl(lab, "exec", "client", "--", "wget", "-qO-", "http://web/etc/passwd").then(
        () => true,
        () => false,
      ),
    );
  });

  test("has no way out", async () => {
    await startPod(lab, "outward");
    const attempt = kubectl(lab, "exec", "outward", "--", "nc", "-w", "5", "192.0.2.1", "80");
    await expect(attempt).rejects.toThrow(/unreachable|No route/);
  });

  test("reaches into pods: logs, exec, port-forward", async () => {
    await startPod(
      lab,
      "talker",
      { nodeName: `${first}-2` },
      { command: ["sh", "-c", "echo hello; exec sleep infinity"] },
    );
    expect(await kubectl(lab, "logs", "talker")).toBe("hello");
    expect(await kubectl(lab, "exec", "talker", "--", "hostname")).toBe("talker");
    await startPod(lab, "server", { nodeName: `${first}-2` }, { command: ["httpd", "-f", "-p", "80", "-h", "/etc"] });
    expect(await throughPortForward(lab, "server", "/passwd")).toContain("root");
  });

  test("binds a claim and keeps what is written to it", async () => {
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    };
    await apply(lab, claim);
    const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "data" } }];
    const mounted = { volumeMounts: [{ name: "data", mountPath: "/data" }], securityContext: { runAsUser: 65532 } };
    await startPod(lab, "writer", { volumes, nodeName: undefined }, mounted);
    await kubectl(lab, "exec", "writer", "--", "sh", "-c", "echo kept > /data/file");
    await kubectl(lab, "delete", "pod", "writer", "--now");
    await startPod(lab, "reader", { volumes }, mounted);
    expect(await kubectl(lab, "exec", "reader", "--", "cat", "/data/file")).toBe("kept");
  });

  test("mounts an image as a volume", async () => {
    const volumes = [{ name: "tools", image: { reference: "swap.dev/busybox:1", pullPolicy: "Never" } }];
    await startPod(lab, "imaged", { volumes }, { volumeMounts: [{ name: "tools", mountPath: "/tools" }] });
    expect(await kubectl(lab, "exec", "imaged", "--", "/tools/bin/busybox", "echo", "from the volume")).toBe(
      "from the volume",
    );
  });

  test("stands beside another one", async () => {
    const other = await labUp({ name: second, nodes: 1, images: [] }, dependencies);
    await loadImages(other, [busybox], dependencies);
    await startPod(other, "alone");
    expect(await kubectl(other, "get", "pods", "-o=name")).toBe("pod/alone");
    expect(await kubectl(lab, "get", "pods", "-o=name")).not.toContain("pod/alone");
    expect(await labDown({ name: second }, dependencies)).toBe(true);
    const { links: _others, ...left } = await traces(second);
    expect(left).toEqual({ ...left, processes: [], named: [], cgroups: [], state: [], mounts: [] });
  });

  test.for(["kubelet", "containerd", "kube-apiserver", "etcd", "kube-controller-manager"])(
    "restarts %s after kill -9",
    async (component) => {
      const pid = await pidOf(first, component);
      process.kill(pid, "SIGKILL");
      await until(`${component} back`, async () => {
        const status = await labStatus({ name: first }, dependencies);
        const its = status?.components.find(({ name }) => name === component);
        return status?.healthy === true && its !== undefined && its.restarts > 0;
      });
      await until("a pod", () =>
        startPod(lab, `after-${component}`).then(
          () => true,
          () => false,
        ),
      );
    },
  );

  test("says that it is up already, and changes nothing", async () => {
    const before = await labStatus({ name: first }, dependencies);
    await labUp({ name: first, nodes: 2, images: [] }, dependencies);
    const after = await labStatus({ name: first }, dependencies);
    expect(after?.nodes).toEqual(before?.nodes);
  });

  test("comes back with its objects after a kill -9 of PID 1 of a node", async () => {
    const init = (await labStatus({ name: first }, dependencies))?.nodes[0]?.pid;
    process.kill(init ?? 0, "SIGKILL");
    await until("death", async () => (await labStatus({ name: first }, dependencies))?.nodes[0]?.pid === undefined);
    await labUp({ name: first, nodes: 2, images: [] }, dependencies);
    await kubectl(lab, "wait", "--for=condition=Ready", "pod/web", "--timeout=60s");
    await until("the pod", () =>
      kubectl(lab, "exec", "web", "--", "true").then(
        () => true,
        () => false,
      ),
    );
  });

  test("leaves nothing after `down`, whatever was killed before", async () => {
    const init = (await labStatus({ name: first }, dependencies))?.nodes[0]?.pid;
    process.kill(init ?? 0, "SIGKILL");
    expect(await labDown({ name: first }, dependencies)).toBe(true);
    expect(await traces(first)).toEqual(nothing);
    expect(await labStatus({ name: first }, dependencies)).toBeUndefined();
    expect(await labDown({ name: first }, dependencies)).toBe(false);
  });

  test("leaves nothing when `up` is interrupted", async () => {
    const interrupt = new AbortController();
    const starting = labUp({ name: second, nodes: 2, images: [] }, { ...dependencies, signal: interrupt.signal });
    setTimeout(() => interrupt.abort(), 2_000);
    await expect(starting).rejects.toMatchObject({ code: "interrupted" });
    expect(await traces(second)).toEqual(nothing);
  });
});
