import { join } from "node:path";
import { compileFreestanding } from "../compile.ts";
import { fileFromDisk } from "../entry.ts";
import type { ImageRecipe } from "../recipe.ts";

/** The sandbox image, under which every pod's namespaces live. `root` is the folder of package.json. */
export function pauseImage(root: string): ImageRecipe {
  const launcher = join(root, "agent/launcher");
  return {
    reference: "swap.dev/pause:1",
    layers: [
      {
        name: "pause",
        inputs: { sources: [join(launcher, "pause.c"), join(launcher, "syscall.h")] },
        async gather(scratch) {
          const pause = join(scratch, "pause");
          await compileFreestanding(join(launcher, "pause.c"), pause);
          return [fileFromDisk("pause", pause, { mode: 0o755 })];
        },
      },
    ],
    config: { entrypoint: ["/pause"], user: "65535:65535", workingDir: "/" },
  };
}
