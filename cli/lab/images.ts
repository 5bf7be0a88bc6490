import { existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { ensureImages, imageCacheFolder } from "../image/image-cache.ts";
import { labImages } from "../image/recipes/lab.ts";
import { SwapError } from "../../src/error.ts";
import { containerdSocket } from "./components.ts";
import type { LabDependencies } from "./lab.ts";
import { packageRoot } from "./package-root.ts";
import { runProgram } from "./process.ts";
import { until } from "./wait.ts";

/** Tars of the images that every lab holds: first those without which no pod starts, then the agent and bases for apps. */
export async function ownImages(bin: string, { env, progress }: LabDependencies): Promise<string[]> {
  const root = packageRoot();
  const bundle = join(root, "dist/agent.cjs");
  // A release carries the agent as a bundle; in a checkout without `make build` it is bundled from the sources.
  const agent = existsSync(bundle) ? { bundle } : { entry: "agent/main.ts" };
  const recipes = labImages({ root, coreDns: join(bin, "coredns"), agent });
  const building = (reference: string): void => progress.detail(`builds the image ${reference}`);
  return [...(await ensureImages(recipes, { folder: imageCacheFolder(env), building })).values()];
}

/** Puts images into a node, given by the host's id of its PID 1, as soon as its containerd answers. */
export async function importImages(
  pid: number,
  bin: string,
  tars: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const socket = `/proc/${pid}/root${containerdSocket}`;
  await until(() => access(socket).then(() => true), { what: "containerd", timeoutMs: 30_000, signal });
  const ctr = async (...args: string[]): Promise<string> =>
    (await runProgram([join(bin, "ctr"), "--address", socket, "--namespace", "k8s.io", "images", ...args], { signal }))
      .stdout;
  for (const tar of tars) {
    await access(tar).catch((cause: unknown) => {
      throw new SwapError("not-found", `The image file ${tar} cannot be read.`, { cause });
    });
    const said = await ctr("import", "--local", tar);
    for (const [, reference = ""] of said.matchAll(/^unpacking (\S+) /gm)) await letKubeletSee(ctr, reference, signal);
  }
}

/**
 * The kubelet mounts an image by its id. Containerd's CRI part makes the record of that name only for images without its
 * label, and `import` over an older image of the same reference keeps the label: so it is taken off, and comes back.
 */
async function letKubeletSee(
  ctr: (...args: string[]) => Promise<string>,
  reference: string,
  signal: AbortSignal,
): Promise<void> {
  await ctr("label", reference, `${managedLabel}=`);
  const look = async (): Promise<true | undefined> =>
    (await ctr("list", `name==${reference}`)).includes(`${managedLabel}=managed`) ? true : undefined;
  await until(look, { what: `containerd's record of ${reference}`, timeoutMs: 30_000, signal });
}

const managedLabel = "io.cri-containerd.image";
