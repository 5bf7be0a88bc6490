import { randomUUID } from "node:crypto";
import { chmod, mkdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { SwapError } from "../../src/error.ts";
import { nodeAddresses, type NodeAddress } from "./addresses.ts";
import { openApi } from "./api.ts";
import { ensureBinaries, type Binaries } from "./build.ts";
import { groupFolders, groupProcesses, hostHierarchies, makeGroups, type Hierarchy } from "./cgroup.ts";
import { accessOf, awaitDns, awaitNode, furnish, isReady } from "./cluster.ts";
import { destroyContainers, findInit, startContainer, writeNode } from "./container.ts";
import { findTools, lookAtHost, requireRoot, searchPath } from "./host.ts";
import { importImages, ownImages } from "./images.ts";
import { kubeconfig } from "./kubeconfig.ts";
import type { Lab, LabDependencies, LabOptions, Provider } from "./lab.ts";
import { lock } from "./lock.ts";
import { nodeFiles, type HostTools } from "./node-files.ts";
import { networkCommands, planNode, type HostFacts } from "./node-plan.ts";
import { checkName, labPaths, nodePaths, stateRoot } from "./paths.ts";
import { certificateRequests, makePki } from "./pki.ts";
import { readRecord, writeRecord, type LabRecord } from "./record.ts";
import { nativeStatus } from "./status.ts";
import { until } from "./wait.ts";

/** Labs made of our own containers, on this machine and without a container engine. */
export function nativeProvider(dependencies: LabDependencies): Provider {
  return {
    name: "native",
    up: (options) => up(options, dependencies),
    down: (name) => down(name),
    status: (name) => nativeStatus(checkName(name)),
    load: (name, tars) => loadInto(name, tars, dependencies),
  };
}

async function up(options: LabOptions, dependencies: LabDependencies): Promise<Lab> {
  const { progress, env } = dependencies;
  const name = checkName(options.name);
  requireRoot(process.getuid?.());
  const path = searchPath(env["PATH"]);
  const tools = await findTools(path);
  await using _lock = await lockLab(name);
  const earlier = await readRecord(name);
  if (earlier !== undefined && earlier.nodes !== options.nodes) {
    throw new SwapError("conflict", `The lab ${name} has ${earlier.nodes} node(s), not ${options.nodes}.`, {
      hint: `Remove it first, or choose another --name: swap lab down --name ${name}`,
    });
  }
  if (earlier !== undefined && (await nativeStatus(name))?.healthy === true) {
    progress.say(`Lab ${name} is up already.`);
    const hierarchies = await hostHierarchies();
    await importEverywhere(earlier, hierarchies, options.images, dependencies);
    return labOf(earlier);
  }
  const built = await ensureBinaries(dependencies);
  // A lab that this call began and could not complete is removed; one that was there before is left to be looked at.
  await using undo = new AsyncDisposableStack();
  if (earlier === undefined) undo.defer(() => destroy(name));
  const record = earlier ?? (await create(name, options, built, tools));
  const host = await lookAtHost(record.bin, tools);
  await start(record, host, path, options.images, dependencies);
  undo.move();
  return labOf(record);
}

/** Makes the folder of a new lab: secrets, configuration, record. */
async function create(name: string, options: LabOptions, built: Binaries, tools: HostTools): Promise<LabRecord> {
  const paths = labPaths(name);
  await destroy(name); // what an interrupted `up` or `down` may have left
  await mkdir(paths.volumes, { recursive: true, mode: 0o700 });
  await chmod(paths.root, 0o700);
  const nodes = nodeAddresses(name, options.nodes);
  const [api] = nodes;
  if (api === undefined) throw new SwapError("usage", "A lab has one node or two.");
  const pki = makePki(certificateRequests(nodes));
  for (const node of nodes) {
    const files = nodeFiles(node, api, pki, tools);
    await writeNode(nodePaths(name, node.number), { ...files, "swap/network": networkCommands(node, nodes) });
  }
  const apiPort = options.apiPort ?? (await freePort());
  const access = kubeconfig(pki, "admin", `https://127.0.0.1:${apiPort}`, `swap-${name}`);
  await writeFile(paths.kubeconfig, access, { mode: 0o600 });
  const record = { name, nodes: nodes.length, apiPort, ...built, created: new Date().toISOString() };
  await writeRecord(record);
  return record;
}

/** Starts what of the lab does not run, and waits until it is of use. */
async function start(
  record: LabRecord,
  host: HostFacts,
  path: string,
  images: readonly string[],
  dependencies: LabDependencies,
): Promise<void> {
  const { progress, signal } = dependencies;
  const nodes = nodeAddresses(record.name, record.nodes);
  const tars = [...(await ownImages(record.bin, dependencies)), ...images];
  await progress.step(`Starting ${nodes.map(({ name }) => name).join(" and ")}`, async (note) => {
    await startNodes(record, nodes, host, path);
    note("containers");
  });
  const importing = importEverywhere(record, host.hierarchies, tars, dependencies);
  importing.catch(() => undefined); // awaited below; a failure of the API server must not make it an unhandled one
  using api = openApi(await accessOf(record.name, record.apiPort));
  await progress.step("Waiting for the API server", async (note) => {
    await until(async () => ((await isReady(api)) ? true : undefined), {
      what: "The API server",
      timeoutMs: 60_000,
      signal,
      hint: `See: swap lab logs kube-apiserver --name ${record.name}`,
    });
    note(`${record.version} at https://127.0.0.1:${record.apiPort}`);
  });
  await furnish(api, nodes.length, signal);
  await progress.step("Waiting for nodes, images and DNS", async (note) => {
    await importing;
    await Promise.all(nodes.map((node) => awaitNode(api, node, signal)));
    await awaitDns(api, signal);
    note(`${nodes.length} ready, ${tars.length} images`);
  });
}

async function startNodes(
  record: LabRecord,
  nodes: readonly NodeAddress[],
  host: HostFacts,
  path: string,
): Promise<void> {
  let apiPid: number | undefined;
  for (const node of nodes) {
    const group = String(node.number);
    let pid = await findInit(host.hierarchies, record.name, group);
    if (pid === undefined) {
      // The cable between two nodes ends with either of them: the others are made anew with the first.
      if (node.number === 1) await destroyContainers(host.hierarchies, record.name);
      const cgroups = await makeGroups(host.hierarchies, record.name, group);
      const paths = { lab: labPaths(record.name), node: nodePaths(record.name, node.number) };
      const options = { apiPort: record.apiPort, cgroups, ...(apiPid === undefined ? {} : { apiPid }) };
      const plan = planNode(node, nodes, host, paths, options);
      pid = await startContainer(plan, paths.node, join(record.bin, "node-init"), path);
    }
    apiPid ??= pid;
  }
}

async function importEverywhere(
  record: LabRecord,
  hierarchies: readonly Hierarchy[],
  tars: readonly string[],
  { signal }: LabDependencies,
): Promise<void> {
  await Promise.all(
    nodeAddresses(record.name, record.nodes).map(async ({ name, number }) => {
      const pid = await findInit(hierarchies, record.name, String(number));
      if (pid === undefined) throw new SwapError("lab", `Node ${name} does not run.`, { hint: "Run: swap lab up" });
      await importImages(pid, record.bin, tars, signal);
    }),
  );
}

async function loadInto(name: string, tars: readonly string[], dependencies: LabDependencies): Promise<void> {
  requireRoot(process.getuid?.());
  const record = await readRecord(checkName(name));
  if (record === undefined) {
    throw new SwapError("not-found", `There is no lab called ${name}.`, {
      hint: `Make it: swap lab up --name ${name}`,
    });
  }
  await importEverywhere(record, await hostHierarchies(), tars, dependencies);
}

async function down(name: string): Promise<boolean> {
  requireRoot(process.getuid?.());
  await using _lock = await lockLab(checkName(name));
  const known = (await readRecord(name).catch(() => "damaged")) !== undefined;
  const alive = (await groupProcesses(groupFolders(await hostHierarchies(), name))).length > 0;
  await destroy(name);
  return known || alive;
}

async function destroy(name: string): Promise<void> {
  const all = await hostHierarchies();
  await destroyContainers(all, name);
  for (const folder of groupFolders(all)) await rmdir(folder).catch(unlessInUse);
  const { root } = labPaths(name);
  // Renamed first: a folder half removed must not look like a lab.
  const doomed = join(stateRoot, `.${name}.${randomUUID()}`);
  await rename(root, doomed).catch(unlessInUse);
  await rm(doomed, { recursive: true, force: true });
}

/** Other labs keep the common folders; what is not there needs no removal. */
function unlessInUse(error: unknown): void {
  const harmless = ["ENOENT", "ENOTEMPTY", "EBUSY"];
  if (error instanceof Error && "code" in error && harmless.includes(String(error.code))) return;
  throw error;
}

function lockLab(name: string): Promise<AsyncDisposable> {
  return lock(join(stateRoot, `.${name}.lock`), `the lab ${name}`);
}

function labOf({ name, nodes, version }: LabRecord): Lab {
  const names = nodeAddresses(name, nodes).map((node) => node.name);
  return { name, provider: "native", kubeconfigPath: labPaths(name).kubeconfig, nodes: names, version };
}

/** A port of the loopback that nobody has at this moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return promise;
}
