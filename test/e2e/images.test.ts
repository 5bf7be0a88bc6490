import { afterAll, beforeAll, expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  isOurs,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  type InClusterClient,
  type Namespace,
} from "../support/cluster.ts";
import { kubectl } from "../support/kubectl.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";

const kinds = ["debian", "musl", "distroless", "scratch"] as const;
const deliveries = ["image-volume", "init-container"] as const;

/** All at once what Pod Security "restricted" asks for and what hardened workloads have beyond it. */
const hardened = {
  container: {
    securityContext: {
      runAsUser: 65532,
      runAsGroup: 65532,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    resources: { limits: { memory: "64Mi" } },
  },
};

let plain: Namespace;
let restricted: Namespace;
let clients: readonly InClusterClient[] = [];

beforeAll(async () => {
  [plain, restricted] = await Promise.all([useNamespace("images"), useNamespace("images-restricted")]);
  await plain.apply(...kinds.flatMap((kind) => [identityDeployment({ name: kind, kind }), serviceOf(kind)]));
  const hard = kinds.flatMap((kind) => [identityDeployment({ name: kind, kind, ...hardened }), serviceOf(kind)]);
  await restricted.apply(...hard);
  clients = await Promise.all([inCluster(plain), inCluster(restricted)]);
  // From here on; the client's own pod would not be admitted.
  await kubectl(["label", "namespace", restricted.name, "pod-security.kubernetes.io/enforce=restricted"]);
  const namespaces = [plain, restricted];
  await Promise.all(namespaces.flatMap((ns) => kinds.map((kind) => allReady(ns, `deployment/${kind}`))));
});

afterAll(async () => {
  for (const client of clients) await client[Symbol.asyncDispose]();
  await Promise.all([plain[Symbol.asyncDispose](), restricted[Symbol.asyncDispose]()]);
});

/** Swaps, is answered from here, looks at the agent's pod, restores, and is answered by the original. */
async function roundTrip(ns: Namespace, client: InClusterClient | undefined, kind: string, flags: string[]) {
  await using pods = watchPods(ns, `app=${kind}`);
  await using swap = await startEcho(`deploy/${kind}`, ["-n", ns.name, ...flags]);
  await swap.swapped(90_000);
  expect(await client?.identity(`http://${kind}/`), swap.output).toMatchObject({ from: "local" });
  const agent = pods.pods.find(isOurs);
  expect(agent?.status?.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
  swap.kill("SIGINT");
  expect(await swap.ended(), swap.output).toMatchObject({ status: 0 });
  await client?.answeredFrom(`http://${kind}/`, "original");
  return agent;
}

/** Two at once: more would only wait for each other. */
async function eachKind(work: (kind: string) => Promise<void>): Promise<void> {
  const queue: string[] = [...kinds];
  const take = async (): Promise<void> => {
    for (let kind = queue.shift(); kind !== undefined; kind = queue.shift()) await work(kind);
  };
  await Promise.all([take(), take()]);
}

test("debian, musl, distroless and scratch images are swapped as they are", async () => {
  await eachKind(async (kind) => {
    const agent = await roundTrip(plain, clients[0], kind, []);
    expect(agent?.spec?.volumes?.some((volume) => "image" in volume)).toBe(true);
  });
  await nothingLeftInCluster(plain);
});

test.each(deliveries)(
  "the same as uid 65532, read-only, without capabilities, in 64 MiB, under Pod Security restricted, by %s",
  async (delivery) => {
    await eachKind(async (kind) => {
      const agent = await roundTrip(restricted, clients[1], kind, ["--agent-delivery", delivery]);
      const container = agent?.spec?.containers[0];
      expect(container?.securityContext).toEqual(hardened.container.securityContext);
      expect(container?.resources?.limits).toEqual({ memory: "64Mi" });
      expect(agent?.spec?.volumes?.some((volume) => "image" in volume)).toBe(delivery === "image-volume");
      expect(agent?.spec?.initContainers ?? []).toHaveLength(delivery === "init-container" ? 1 : 0);
    });
    await nothingLeftInCluster(restricted);
  },
);
