import { execFile } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureBinaries } from "../../cli/lab/build.ts";
import type { LabDependencies } from "../../cli/lab/lab.ts";
import { labDown, labStatus, labUp } from "../../cli/lab/labs.ts";
import { packageRoot } from "../../cli/lab/package-root.ts";
import { RunningCommand } from "./command.ts";

const execute = promisify(execFile);

/** A cluster to measure on, and the command as it was built when the measuring began. */
export interface BenchLab extends AsyncDisposable {
  readonly kubernetes: string;
  /** Runs kubectl; gives what it wrote to stdout. */
  kubectl(args: readonly string[], input?: object): Promise<string>;
  /** What to spawn for a kubectl that runs on. */
  readonly kubectlCommand: readonly [command: string, ...args: string[]];
  /** Starts `swap ARGS…`, under more flags of Node's if given. */
  swap(args: readonly string[], nodeFlags?: readonly string[]): RunningCommand;
}

/**
 * Makes the lab, or takes the one of that name that is there. Disposing takes it down when this run has made it, unless
 * SWAP_KEEP is set.
 */
export async function useLab(name: string, signal: AbortSignal): Promise<BenchLab> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const progress = {
    step: async <T>(_title: string, work: (note: () => void) => Promise<T>): Promise<T> => work(() => undefined),
    say,
    warn: say,
    detail: () => undefined,
  };
  const dependencies: LabDependencies = { env: process.env, signal, progress };
  const root = packageRoot();
  await using made = new AsyncDisposableStack();
  // The lab holds the agent of dist/ and the Node image by itself. Copied: whoever builds while this runs changes nothing of what is measured.
  const folder = await mkdtemp(join(tmpdir(), "swap-bench-"));
  made.defer(() => rm(folder, { recursive: true, force: true }));
  await cp(join(root, "dist"), join(folder, "dist"), { recursive: true });
  await cp(join(root, "package.json"), join(folder, "package.json"));
  const { bin } = await ensureBinaries(dependencies);
  const wasThere = (await labStatus({ name }, dependencies)) !== undefined;
  const ownSignal = { ...dependencies, signal: new AbortController().signal };
  if (!wasThere && !process.env["SWAP_KEEP"]) made.defer(async () => void (await labDown({ name }, ownSignal)));
  const lab = await labUp({ name, nodes: 1, images: [] }, dependencies);
  const kubectl = join(bin, "kubectl");
  const flags = [`--kubeconfig=${lab.kubeconfigPath}`];
  const disposables = made.move();
  return {
    kubernetes: lab.version,
    kubectlCommand: [kubectl, ...flags],
    async kubectl(args, input) {
      const running = execute(kubectl, [...flags, ...args], { timeout: 90_000, maxBuffer: 16 << 20 });
      running.child.stdin?.end(input === undefined ? "" : JSON.stringify(input));
      return (await running).stdout;
    },
    swap: (args, nodeFlags = []) =>
      new RunningCommand(process.execPath, [...nodeFlags, join(folder, "dist/swap.js"), ...args], {
        ...process.env,
        KUBECONFIG: lab.kubeconfigPath,
      }),
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  };
}
