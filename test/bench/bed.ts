import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { RunningCommand } from "./command.ts";
import { Driver } from "./driver.ts";
import type { BenchLab } from "./lab.ts";

const programs = join(import.meta.dirname, "programs");
const image = "swap.dev/node:24";
const mount = { name: "programs", mountPath: "/bench" };
const volume = { name: "programs", configMap: { name: "programs" } };
/** Port of the workload's own container. */
export const appPort = 8080;
/** Port of the server in the second container of the same pod. */
export const besidePort = 9090;

/** A namespace with a workload to swap, and a pod that sends requests to it. */
export interface Bed extends AsyncDisposable {
  readonly lab: BenchLab;
  readonly namespace: string;
  /** Sends requests from a pod. */
  readonly inCluster: Driver;
  /** Sends requests from this machine. */
  readonly here: Driver;
  kubectl(...args: string[]): Promise<string>;
}

/** The workloads: `start` has one container, `paths` a second one with the same server, which a swap leaves alone. */
export const serviceUrl = (name: string): string => `http://${name}/`;

export async function makeBed(lab: BenchLab): Promise<Bed> {
  const namespace = `bench-${process.pid}`;
  await using made = new AsyncDisposableStack();
  await lab.kubectl(["create", "namespace", namespace]);
  made.defer(async () => void (await lab.kubectl(["delete", "namespace", namespace, "--wait=false"])));
  const kubectl = (...args: string[]): Promise<string> => lab.kubectl(["-n", namespace, ...args]);
  await kubectl("wait", "--for=create", "serviceaccount/default", "--timeout=30s");
  const names = ["server.mjs", "driver.mjs"];
  const texts = await Promise.all(names.map((name) => readFile(join(programs, name), "utf8")));
  const data = Object.fromEntries(names.map((name, index) => [name, texts[index]]));
  const items = [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "programs" }, data },
    deployment("start", [serverContainer("app", appPort)]),
    service("start"),
    deployment("paths", [serverContainer("app", appPort), serverContainer("beside", besidePort)]),
    clientPod(),
  ];
  await lab.kubectl(["-n", namespace, "apply", "-f", "-"], { apiVersion: "v1", kind: "List", items });
  await kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=80s");
  for (const name of ["start", "paths"]) await kubectl("rollout", "status", `deployment/${name}`, "--timeout=80s");
  const [command, ...flags] = lab.kubectlCommand;
  const exec = ["-n", namespace, "exec", "-i", "client", "--", "node", "/bench/driver.mjs"];
  const inCluster = made.use(await Driver.start(command, [...flags, ...exec]));
  const here = made.use(await Driver.start(process.execPath, [join(programs, "driver.mjs")]));
  const disposables = made.move();
  return { lab, namespace, inCluster, here, kubectl, [Symbol.asyncDispose]: () => disposables.disposeAsync() };
}

/** Starts `swap deploy/NAME` with the server as its local process. */
export async function startSwap(bed: Bed, name: string, nodeFlags: readonly string[] = []): Promise<RunningCommand> {
  const port = await freePort();
  const target = [`deploy/${name}/app`, "-n", bed.namespace, "-p", `${port}:${appPort}`];
  const local = [process.execPath, join(programs, "server.mjs"), String(port), "local"];
  return bed.lab.swap([...target, "--", ...local], nodeFlags);
}

/** Starts `kubectl port-forward` to a pod on a free port. @returns with the command when it forwards. */
export async function startPortForward(
  bed: Bed,
  target: string,
  port: number,
): Promise<{ command: RunningCommand; url: string }> {
  const [kubectl, ...flags] = bed.lab.kubectlCommand;
  const command = new RunningCommand(kubectl, [...flags, "-n", bed.namespace, "port-forward", target, `:${port}`]);
  const [, local] = await command.says(/Forwarding from 127\.0\.0\.1:(\d+)/);
  return { command, url: `http://127.0.0.1:${local}/` };
}

/** Waits until a workload has one pod and no other, and that one is Ready. @returns its name and address */
export async function onePod(bed: Bed, workload: string): Promise<{ name: string; address: string }> {
  return await until(`one Ready pod of ${workload}`, async () => {
    const { items } = JSON.parse(await bed.kubectl("get", "pods", "-l", `app=${workload}`, "-o", "json")) as PodList;
    const [pod] = items;
    const ready = pod?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    if (items.length !== 1 || !pod || !ready || pod.status.podIP === undefined) return undefined;
    return { name: pod.metadata.name, address: pod.status.podIP };
  });
}

interface PodList {
  items: {
    metadata: { name: string };
    status: { podIP?: string; conditions?: { type: string; status: string }[] };
  }[];
}

function serverContainer(name: string, port: number): object {
  return {
    name,
    image,
    command: ["node", "/bench/server.mjs", String(port), name === "app" ? "original" : name],
    ports: [{ containerPort: port }],
    readinessProbe: { httpGet: { path: "/", port }, periodSeconds: 1 },
    volumeMounts: [mount],
  };
}

function deployment(name: string, containers: readonly object[]): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers, volumes: [volume] } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
}

function service(name: string): object {
  const ports = [{ port: 80, targetPort: appPort }];
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector: { app: name }, ports } };
}

function clientPod(): object {
  const container = { name: "client", image, command: ["sleep", "1000000"], volumeMounts: [mount] };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container], volumes: [volume] };
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "client" }, spec };
}
