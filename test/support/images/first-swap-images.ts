import { join } from "node:path";
import { ensureImages, imageCacheFolder } from "../../../cli/image/image-cache.ts";
import type { ImageRecipe } from "../../../cli/image/recipe.ts";
import { nodeAppImage } from "../../../cli/image/recipes/node-app.ts";
import { packageRoot } from "../../../cli/lab/package-root.ts";

/** The three programs of examples/first-swap, as its manifests name their images. */
export function firstSwapImages(root: string): ImageRecipe[] {
  return ["api", "web", "prices"].map((name) =>
    nodeAppImage({
      reference: `swap.dev/first-swap-${name}:1`,
      root,
      folder: join(root, "examples/first-swap", name),
      command: ["node", "app.js"],
    }),
  );
}

// As a program it prints the tars: `swap lab load $(node test/support/images/first-swap-images.ts)`.
if (import.meta.main) {
  const tars = await ensureImages(firstSwapImages(packageRoot()), { folder: imageCacheFolder(process.env) });
  process.stdout.write([...tars.values(), ""].join("\n"));
}
