import type { Entry } from "./entry.ts";
import type { ImageConfig } from "./image-documents.ts";

/** What a layer is made of, beside the program that makes it. When none of it changed, the layer is not built again. */
export interface LayerInputs {
  /** Versions, names, contents: anything that is in memory. */
  readonly text?: readonly string[];
  /** Small files and folders, compared by content. */
  readonly sources?: readonly string[];
  /** Large files, compared by size and time of change: reading 120 MB at every start costs more than it saves. */
  readonly binaries?: readonly string[];
}

/** One layer of an image: what it depends on and how to gather it. */
export interface LayerRecipe {
  /** What the layer is. Two recipes for the same inputs need two names; one that images share has one. */
  readonly name: string;
  readonly inputs: LayerInputs;
  /** Gathers the entries; what must be compiled or unpacked first goes into `scratch`, an empty folder that is removed. */
  gather(scratch: string): Promise<readonly Entry[]>;
}

/** How an image is made. Layers from the bottom to the top: what changes often belongs on top, in a small layer. */
export interface ImageRecipe {
  /** With host and tag: `swap.dev/node:24`. */
  readonly reference: string;
  readonly layers: readonly LayerRecipe[];
  readonly config: ImageConfig;
}
