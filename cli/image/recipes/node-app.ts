import { folder } from "../entry.ts";
import type { ImageConfig } from "../image-documents.ts";
import type { ImageRecipe } from "../recipe.ts";
import { nodeRuntimeLayer, usualPath } from "./node-runtime.ts";

/** A program for Node without anything to install. */
export interface NodeApp {
  /** With host and tag: `swap.dev/shop:1`. */
  readonly reference: string;
  /** The folder of package.json of swap itself. */
  readonly root: string;
  /** Folder of the app, placed at /app. */
  readonly folder: string;
  /** What runs, in /app: `["node", "server.js"]`. */
  readonly command: readonly string[];
  /** Beside PATH and the command. */
  readonly config?: ImageConfig;
}

/** An image for an example: the Node runtime's layer, which all of them share, and the app's folder on top. */
export function nodeAppImage(app: NodeApp): ImageRecipe {
  return {
    reference: app.reference,
    layers: [
      nodeRuntimeLayer(app.root),
      { name: "node app", inputs: { sources: [app.folder] }, gather: () => folder("app", app.folder) },
    ],
    config: {
      user: "1000:1000",
      workingDir: "/app",
      ...app.config,
      cmd: app.command,
      env: { PATH: usualPath, ...app.config?.env },
    },
  };
}
