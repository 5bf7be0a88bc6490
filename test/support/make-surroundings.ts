import { join } from "node:path";
import { ensureImages, imageCacheFolder } from "../../cli/image/image-cache.ts";
import { agentImage } from "../../cli/image/recipes/agent.ts";
import { busyboxImage } from "../../cli/image/recipes/busybox.ts";
import { nodeImage } from "../../cli/image/recipes/node-runtime.ts";
import { ensureBinaries } from "../../cli/lab/build.ts";
import type { LabDependencies } from "../../cli/lab/lab.ts";
import { labDown, labStatus, labUp } from "../../cli/lab/labs.ts";
import { identityImages } from "./images/identity-images.ts";
import type { Surroundings } from "./surroundings.ts";
import { furnishTester } from "./tester.ts";

const root = join(import.meta.dirname, "../..");

export interface MadeSurroundings extends AsyncDisposable {
  readonly surroundings: Surroundings;
}

/**
 * A lab with all images, and a user to work on it. One that is there already is used (SWAP_LAB names it, "e2e" if left
 * out); one that was made here goes with the disposal, unless SWAP_KEEP is set.
 */
export async function makeSurroundings(env: NodeJS.ProcessEnv): Promise<MadeSurroundings> {
  const name = env["SWAP_LAB"] ?? "e2e";
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const dependencies: LabDependencies = {
    env,
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
    folder: imageCacheFolder(env),
    building: (reference) => say(`Building image ${reference}.`),
  });
  const wasThere = (await labStatus({ name }, dependencies)) !== undefined;
  const lab = await labUp({ name, nodes: 1, images: [...tars.values()] }, dependencies);
  const furnished = await furnishTester(root, lab.kubeconfigPath);
  const { [Symbol.asyncDispose]: _dispose, ...tester } = furnished;
  return {
    surroundings: { lab: name, kubeconfig: lab.kubeconfigPath, kubectl: join(bin, "kubectl"), tester },
    async [Symbol.asyncDispose]() {
      await furnished[Symbol.asyncDispose]();
      if (!wasThere && !env["SWAP_KEEP"]) await labDown({ name }, dependencies);
    },
  };
}
