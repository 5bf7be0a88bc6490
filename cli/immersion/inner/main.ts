import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { constants } from "node:os";
import type { ToInner } from "../messages.ts";
import type { InnerPlan } from "../plan.ts";
import { dial, dialUdp } from "./dial.ts";
import { openIpc } from "./ipc.ts";
import { dieWithParent, exitNow, keepCapabilitiesToOurselves, reapOrphans, setHostname } from "./libc.ts";
import { mountFiles } from "./mounts.ts";
import { Volumes } from "./volumes.ts";
import { openListeners, prepareNetwork } from "./network.ts";

/**
 * Runs as pid 1 of new user, network, mount, UTS and pid namespaces, with every capability there and the developer's
 * own uid. It prepares the namespaces, hands its sockets to the command outside, and starts the developer's program
 * without capabilities. When this process ends, the kernel kills whatever is left in here.
 */
const killed = 137;
const ipc = openIpc(process);
ipc.onClose(() => exitNow(killed));
dieWithParent();
// A terminal's Ctrl-C reaches the program itself, which decides; pid 1 stays.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(signal, () => undefined);

const ours = new Set<number>();
let program: ChildProcess | undefined;
let plan: InnerPlan | undefined;
let volumes: Volumes | undefined;

process.on("SIGCHLD", () => setImmediate(() => reapOrphans((pid) => ours.has(pid))));
ipc.onMessage((message, socket) => void hear(message, socket));

async function hear(message: ToInner, socket: Socket | undefined): Promise<void> {
  if (message.type === "start") await start(message.plan);
  else if (message.type === "dial") await dial(message.id, message.port, plan?.dialHosts ?? [], ipc);
  else if (message.type === "dial-udp") await dialUdp(message.id, ipc);
  else if (message.type === "files" && socket) volumes?.showOn(socket);
  else if (message.type === "signal") program?.kill(message.signal);
}

async function start(given: InnerPlan): Promise<void> {
  plan = given;
  const since = performance.now();
  const milliseconds: Record<string, number> = { node: Math.round(since) };
  const steps: [string, () => void | Promise<void>][] = [
    ["network", () => prepareNetwork(given)],
    ["hostname", () => setHostname(given.hostname)],
    ["files", () => mountFiles(given.files)],
    ["volumes", () => showVolumes(given)],
    ["listeners", () => openListeners(given, ipc)],
    ["capabilities", () => (process.getuid?.() === 0 ? undefined : keepCapabilitiesToOurselves())],
    ["command", () => startProgram(given.command)],
  ];
  for (const [step, run] of steps) {
    const began = performance.now();
    try {
      await run();
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      await ipc.send({ type: "failed", step, message, ...(code === undefined ? {} : { code }) });
      exitNow(1);
    }
    milliseconds[step] = Math.round(performance.now() - began);
  }
  await ipc.send({ type: "started", pid: program?.pid ?? -1, milliseconds });
}

function showVolumes({ files }: InnerPlan): void {
  if (files.filesDescriptor === undefined) return;
  volumes = new Volumes(files, (child) => {
    if (child.pid !== undefined) ours.add(child.pid);
  });
  volumes.show(files.filesDescriptor);
}

function startProgram({ program: path, args, env, cwd, umask }: InnerPlan["command"]): Promise<void> {
  // The folder may lie on a file system that was mounted anew.
  process.chdir(cwd);
  process.umask(umask);
  return new Promise((started, failed) => {
    const child = spawn(path, args, { stdio: "inherit", env, cwd });
    program = child;
    if (child.pid !== undefined) ours.add(child.pid);
    child.once("error", failed);
    child.once("spawn", started);
    child.once("exit", (code, signal) => void end(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
  });
}

async function end(status: number): Promise<void> {
  await ipc.send({ type: "exited", status });
  exitNow(status);
}
