import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ensureImages, imageCacheFolder } from "../../cli/image/image-cache.ts";
import { agentImage } from "../../cli/image/recipes/agent.ts";
import { busyboxImage } from "../../cli/image/recipes/busybox.ts";
import { nodeImage } from "../../cli/image/recipes/node-runtime.ts";
import { ensureBinaries } from "../../cli/lab/build.ts";
import type { LabDependencies } from "../../cli/lab/lab.ts";
import { labDown, labStatus, labUp } from "../../cli/lab/labs.ts";
import { identityImages } from "./images/identity-images.ts";
import { furnishTester } from "./tester.ts";

const root = join(import.meta.dirname, "../..");
const name = process.env["SWAP_LAB"] ?? "e2e";

/** One lab for the whole run; it goes when this run made it, unless SWAP_KEEP is set. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const dependencies: LabDependencies = {
    env: process.env,
    signal: new AbortController().signal,
    progress: { step: (_title, work) => work(() => undefined), say, warn: say, detail: () => undefined },
  };
  const { bin } = await ensureBinaries(dependencies);
  const recipes = [
    agentImage(root, { bundle: join(root, "dist/agent.cjs") }),
    nodeImage(root),
    busyboxImage(),
    ...identityImages(),
  ];
  const tars = await ensureImages(recipes, {
    folder: imageCacheFolder(process.env),
    building: (reference) => say(`Building image ${reference}.`),
  });
  const wasThere = (await labStatus({ name }, dependencies)) !== undefined;
  const lab = await labUp({ name, nodes: 1, images: [...tars.values()] }, dependencies);
  const tester = await furnishTester(root, lab.kubeconfigPath);
  const { [Symbol.asyncDispose]: _, ...told } = tester;
  project.provide("surroundings", {
    lab: name,
    kubeconfig: lab.kubeconfigPath,
    kubectl: join(bin, "kubectl"),
    tester: told,
  });
  return async () => {
    await tester[Symbol.asyncDispose]();
    if (!wasThere && !process.env["SWAP_KEEP"]) await labDown({ name }, dependencies);
  };
}
