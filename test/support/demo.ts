import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ensureImages, imageCacheFolder } from "../../cli/image/image-cache.ts";
import { ensureBinaries } from "../../cli/lab/build.ts";
import { findProgram, searchPath } from "../../cli/lab/host.ts";
import { packageRoot } from "../../cli/lab/package-root.ts";
import { storedObjects } from "./demo/as-it-was.ts";
import { setBreakpoint } from "./demo/breakpoint.ts";
import { narrator } from "./demo/narrator.ts";
import { preferredPort } from "./demo/preferred-port.ts";
import { Shell } from "./demo/shell.ts";
import { firstSwapImages } from "./images/first-swap-images.ts";
import { until } from "./until.ts";

/**
 * The main job from nothing, told to a person: `make demo`. Exit status 0 when all of it went well, else 1.
 * DEMO_KEEP=1 leaves the lab there; DEMO_LAB names another than `demo`.
 */
const lab = process.env["DEMO_LAB"] ?? "demo";
const keep = process.env["DEMO_KEEP"] === "1";
const root = packageRoot();
const example = "examples/first-swap";
const question = "http://localhost:8080/quote?item=espresso&count=3";
const asking = ["kubectl", "exec", "deploy/web", "--", "wget", "-qO-", question];
const tell = narrator(process.stdout);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort(new Error(signal)));

interface Answer {
  readonly cents?: number;
  readonly servedBy?: string;
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "swap-demo-"));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, "kubeconfig");
  const swap = [process.execPath, join(root, "dist/swap.js")];
  const options = { narrator: tell, root, signal: stop.signal, env: { ...process.env, KUBECONFIG: kubeconfig } };
  const bare = new Shell({ ...options, programs: { swap } });

  tell.chapter(`1. A Kubernetes of our own: the lab "${lab}"`);
  cleanUp.defer(() => takeDown(bare));
  await bare.run(["swap", "lab", "up", "--name", lab]);
  await writeFile(kubeconfig, await bare.run(["swap", "lab", "kubeconfig", "--name", lab], { shown: false }));
  await chmod(kubeconfig, 0o600);
  tell.command(`swap lab kubeconfig --name ${lab} > kubeconfig; export KUBECONFIG=$PWD/kubeconfig`);
  const shell = new Shell({ ...options, programs: { swap, kubectl: [await findKubectl()] } });
  await shell.run(["kubectl", "get", "nodes"]);

  await deployExample(shell);
  const before = await readStored(shell);
  tell.chapter("3. A request inside the cluster: web → api → prices");
  const original = await shell.run(["kubectl", "get", "pods", "-l", "app=api", "-o", "name"], { shown: false });
  const first = await ask(shell);
  check(original === `pod/${first.servedBy}`, `the original, ${original}, answered`);
  await swapAndBreak(shell, original);

  tell.chapter("5. As it was");
  const last = await ask(shell);
  const after = await shell.run(["kubectl", "get", "pods", "-l", "app=api", "-o", "name"], { shown: false });
  check(after === `pod/${last.servedBy}` && !after.includes("-swap-"), `an original answers again: ${after}`);
  compare(before, await readStored(shell));
}

async function takeDown(shell: Shell): Promise<void> {
  if (keep) {
    tell.say(`\nThe lab is kept (DEMO_KEEP=1). To remove it: swap lab down --name ${lab}`);
    return;
  }
  tell.chapter("The end: the lab is taken down");
  await shell.run(["swap", "lab", "down", "--name", lab], { always: true });
}

/** The lab's own kubectl is there wherever its nodes were built; else the user's. */
async function findKubectl(): Promise<string> {
  const found = await findProgram("kubectl", searchPath(process.env["PATH"]));
  if (found !== undefined) return found;
  const say = (sentence: string): void => tell.say(sentence);
  const progress = { step: work, say, warn: say, detail: () => undefined };
  const { bin } = await ensureBinaries({ env: process.env, signal: stop.signal, progress });
  return join(bin, "kubectl");
}

function work<T>(_title: string, run: (note: (learnt: string) => void) => Promise<T>): Promise<T> {
  return run(() => undefined);
}

async function deployExample(shell: Shell): Promise<void> {
  tell.chapter("2. The example: web, api and prices, which talk to each other over Services");
  const building = (reference: string): void => tell.say(`Building the image ${reference}.`);
  const tars = await ensureImages(firstSwapImages(root), { folder: imageCacheFolder(process.env), building });
  await shell.run(["swap", "lab", "load", ...tars.values(), "--name", lab]);
  const exists = await shell.run(["kubectl", "get", "namespace", "--output=name"], { shown: false });
  if (!exists.includes("namespace/first-swap")) await shell.run(["kubectl", "create", "namespace", "first-swap"]);
  await shell.run(["kubectl", "config", "set-context", "--current", "--namespace=first-swap"]);
  await shell.run(["kubectl", "apply", "-f", `${example}/kubernetes/`]);
  await shell.run(["kubectl", "wait", "--for=condition=Available", "deployment", "--all", "--timeout=120s"]);
  // A Service's rules reach the nodes up to a second after its pods are Ready, and nothing tells when.
  await until("the first answer over the Services", () => shell.run(asking, { shown: false }), { timeoutMs: 20_000 });
}

async function swapAndBreak(shell: Shell, original: string): Promise<void> {
  tell.chapter("4. The swap: this machine's process in the place of the api");
  const [port, pricesPort, inspector] = [
    await preferredPort(8080),
    await preferredPort(8081),
    await preferredPort(9229),
  ];
  tell.say("The api calls prices, and this version brings no cluster network here: a port-forward does.");
  await using forward = shell.start(["kubectl", "port-forward", "service/prices", `${pricesPort}:80`], "prices");
  await forward.says(/Forwarding from/, 30_000, stop.signal);
  tell.command(`cd ${example}/api`);
  const mapping = port === 8080 ? [] : ["-p", `${port}:8080`];
  const env = port === 8080 ? {} : { PORT: `${port}` };
  const flags = [...mapping, "--env", `PRICES_URL=http://127.0.0.1:${pricesPort}`];
  const program = ["node", inspector === 9229 ? "--inspect" : `--inspect=127.0.0.1:${inspector}`, "app.js"];
  const command = ["swap", "deploy/api", ...flags, "--", ...program];
  await using session = shell.start(command, "swap", { cwd: `${example}/api`, env });
  await session.says(/is swapped: requests to it are answered here/, 180_000, stop.signal);
  await shell.run(["kubectl", "wait", "--for=delete", original, "--timeout=60s"]);
  await shell.run(["swap", "status"]);
  await breakIn(shell, inspector);
  tell.say("Now back, from another terminal:");
  await shell.run(["swap", "restore"]);
  check((await session.exited) === 0, "`swap deploy/api` has ended with the status of its process, 0");
}

async function breakIn(shell: Shell, inspector: number): Promise<void> {
  using breakpoint = await setBreakpoint(inspector, join(root, example, "api/app.js"), "const total =");
  tell.say(
    `A debugger has attached to 127.0.0.1:${inspector} and set a breakpoint in api/app.js, line ${breakpoint.line}:`,
  );
  tell.output(breakpoint.text);
  const asked = ask(shell);
  asked.catch(() => undefined); // awaited below
  const variables = await Promise.race([
    breakpoint.hit(30_000),
    asked.then(() => Promise.reject(new Error("the request was answered without the breakpoint"))),
  ]);
  tell.good("The request of the cluster stands at the breakpoint. Local variables:");
  for (const variable of variables) tell.output(variable);
  tell.say("Resume.");
  await breakpoint.resume();
  const answer = await asked;
  check(answer.servedBy === hostname(), `the answer in the cluster came from this machine, ${answer.servedBy}`);
}

/** One request that starts in the cluster, from the web pod as its page would. */
async function ask(shell: Shell): Promise<Answer> {
  const text = await shell.run(asking);
  const answer = JSON.parse(text) as Answer;
  check(answer.cents === 675, `the answer is right: ${answer.cents} cents`);
  return answer;
}

async function readStored(shell: Shell): Promise<Map<string, string>> {
  const get = ["kubectl", "get", "deployments,replicasets", "-o", "json", "--show-managed-fields"];
  return storedObjects(await shell.run(get, { shown: false }));
}

function compare(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): void {
  check(before.size === after.size, `there are ${after.size} Deployments and ReplicaSets, as before`);
  for (const [name, text] of before) {
    check(after.get(name) === text, `${name}: JSON of ${text.length} characters is the same, managed fields included`);
  }
  tell.say("(All but resourceVersion, status, and the controller's own entry about that status.)");
}

function check(well: boolean, sentence: string): void {
  if (!well) throw new Error(`this is not so: ${sentence}`);
  tell.good(sentence);
}

try {
  await demo();
  tell.good("the demo went well");
} catch (error) {
  tell.bad(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
