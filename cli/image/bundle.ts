import { SwapError } from "../../src/error.ts";

/** A program to be bundled. */
export interface Bundle {
  /** The folder of package.json; paths inside the result are relative to it. */
  readonly root: string;
  /** TypeScript file to start from, relative to `root`. */
  readonly entry: string;
  /** Where the one CommonJS file goes. */
  readonly output: string;
}

/**
 * Bundles a program with everything that it imports into one CommonJS file for Node 24: a `.cjs` file never makes Node
 * look for a package.json in the folders above it, which in a container are the image's. Top-level await is not possible.
 *
 * @throws SwapError `lab` with esbuild's first message when the sources have a mistake
 */
export async function bundleAgent({ root, entry, output }: Bundle): Promise<void> {
  // A development dependency: releases carry the finished bundle.
  const { build } = await import("esbuild").catch((cause: unknown) => {
    throw new SwapError("lab", "esbuild is not installed, and no finished agent bundle was named.", { cause });
  });
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node24",
    charset: "utf8",
    minify: false,
    define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
    logLevel: "silent",
  }).catch((cause: unknown) => {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new SwapError("lab", `The agent could not be bundled: ${message}`, { cause });
  });
}
