import { join } from "node:path";
import { ensureImages, imageCacheFolder } from "../../../cli/image/image-cache.ts";
import type { ImageRecipe } from "../../../cli/image/recipe.ts";
import { agentImage } from "../../../cli/image/recipes/agent.ts";
import { busyboxImage } from "../../../cli/image/recipes/busybox.ts";
import { nodeAppImage } from "../../../cli/image/recipes/node-app.ts";
import { packageRoot } from "../../../cli/lab/package-root.ts";

/** The three programs of examples/first-swap, as its manifests name their images. */
export function firstSwapImages(root = packageRoot()): ImageRecipe[] {
  return ["api", "web", "prices"].map((name) =>
    nodeAppImage({
      reference: `swap.dev/first-swap-${name}:1`,
      root,
      folder: join(root, "examples/first-swap", name),
      command: ["node", "app.js"],
    }),
  );
}

/**
 * Builds what a lab needs to swap the example, where it has changed: the agent of this checkout, the example's programs
 * and busybox. @returns the tars, by reference.
 */
export async function ensureLabImages(
  env: NodeJS.ProcessEnv,
  building: (reference: string) => void,
): Promise<ReadonlyMap<string, string>> {
  const recipes = [agentImage(packageRoot()), ...firstSwapImages(), busyboxImage()];
  return await ensureImages(recipes, { folder: imageCacheFolder(env), building });
}

// As a program: `swap lab load $(node test/support/images/lab-images.ts)`.
if (import.meta.main) {
  const tars = await ensureLabImages(process.env, (reference) => process.stderr.write(`building ${reference}\n`));
  process.stdout.write([...tars.values(), ""].join("\n"));
}
