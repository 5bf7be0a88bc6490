import { fileFromDisk } from "../entry.ts";
import type { ImageRecipe } from "../recipe.ts";

/** The cluster's name server, from a static binary that was built before. */
export function coreDnsImage(binary: string): ImageRecipe {
  return {
    reference: "swap.dev/coredns:1.14.7",
    layers: [
      {
        name: "coredns",
        inputs: { binaries: [binary] },
        gather: () => Promise.resolve([fileFromDisk("coredns", binary, { mode: 0o755 })]),
      },
    ],
    // Root as long as the pod says nothing else: port 53 needs NET_BIND_SERVICE, which no file capability grants here.
    config: { entrypoint: ["/coredns"], workingDir: "/", exposedPorts: [53] },
  };
}
