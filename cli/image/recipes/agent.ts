import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { SwapError } from "../../../src/error.ts";
import { version } from "../../../src/version.ts";
import { bundleAgent } from "../bundle.ts";
import { compileFreestanding } from "../compile.ts";
import { fileFromBytes, fileFromDisk, type Entry } from "../entry.ts";
import { librariesOf } from "../libraries.ts";
import type { ImageRecipe, LayerRecipe } from "../recipe.ts";
import { stripped } from "../strip.ts";
import { machineLoader, nodeProgram } from "./node-runtime.ts";

/** What the agent's image is made from, where it is not the checkout's own. */
export interface AgentImageOptions {
  /** A bundle that was made before, as releases carry it; else `entry` is bundled. */
  readonly bundle?: string;
  /** TypeScript to start the bundle from, relative to the root. */
  readonly entry?: string;
}

/**
 * The agent's tree at the root of an image: mounted as an image volume at any path, or copied by `/agent copy TARGET`.
 * Two layers: Node with its libraries below, and on top the one file that changes with the agent's sources.
 */
export function agentImage(root: string, options: AgentImageOptions = {}): ImageRecipe {
  return {
    reference: `swap.dev/agent:${version}`,
    layers: [runtimeLayer(root), programLayer(root, options)],
    config: { entrypoint: ["/agent"], user: "65532:65532", workingDir: "/" },
  };
}

function runtimeLayer(root: string): LayerRecipe {
  const node = nodeProgram(root);
  const launcher = join(root, "agent/launcher");
  return {
    name: "agent runtime",
    inputs: { binaries: [node, machineLoader], sources: [join(launcher, "launch.c"), join(launcher, "syscall.h")] },
    async gather(scratch) {
      const agent = join(scratch, "agent");
      await compileFreestanding(join(launcher, "launch.c"), agent);
      const { loader, libraries } = await librariesOf(node);
      if (basename(loader) !== basename(machineLoader)) throw notGlibc(node, loader);
      const libraryPath = (path: string) => `lib/${basename(path)}`;
      return [
        fileFromDisk("agent", agent, { mode: 0o755 }),
        fileFromDisk("bin/node", await stripped(node, join(scratch, "node")), { mode: 0o755 }),
        fileFromBytes(libraryPath(loader), await loaderWithoutPreload(loader), { mode: 0o755 }),
        ...libraries.map((path) => fileFromDisk(libraryPath(path), path, { mode: 0o755 })),
        ...licenses(),
      ];
    },
  };
}

/** The launcher knows glibc's loader by name, and what Node's musl builds need is another story. */
function notGlibc(node: string, loader: string): SwapError {
  return new SwapError("lab", `The agent needs a Node that is linked to glibc; ${node} is linked to ${loader}.`, {
    hint: "Name the agent's image of a release by --agent-image instead.",
  });
}

function programLayer(root: string, { bundle, entry = "agent/main.ts" }: AgentImageOptions): LayerRecipe {
  if (bundle !== undefined) {
    return {
      name: "agent bundle",
      inputs: { sources: [bundle] },
      gather: () => Promise.resolve([fileFromDisk("agent.cjs", bundle)]),
    };
  }
  return {
    name: "agent program",
    inputs: { sources: [join(root, "agent"), join(root, "src"), join(root, "package-lock.json")], text: [entry] },
    async gather(scratch) {
      const output = join(scratch, "agent.cjs");
      await bundleAgent({ root, entry, output });
      return [fileFromDisk("agent.cjs", output)];
    },
  };
}

/**
 * The loader, deaf to /etc/ld.so.preload: that file is the image's (monitoring products put their libraries there), no
 * option of ld.so(8) switches it off, and what it names was not built for the libraries that the agent brings. A copy
 * of the machine's loader with an empty file name in that place finds no such file.
 */
export async function loaderWithoutPreload(loader: string): Promise<Buffer> {
  const bytes = await readFile(loader);
  const name = Buffer.from("/etc/ld.so.preload\0");
  for (let at = bytes.indexOf(name); at !== -1; at = bytes.indexOf(name, at)) bytes.fill(0, at, at + name.length);
  return bytes;
}

/** The terms of what the tree carries: a note, and the packages' own texts where the distribution keeps them. */
function licenses(): Entry[] {
  const note = `This folder holds swap's agent (Apache-2.0) and what it runs on:
  bin/node  Node.js, MIT and others: https://github.com/nodejs/node/blob/main/LICENSE
  lib/      GNU C library (LGPL-2.1-or-later); libstdc++ and libgcc (GPL-3.0 with the GCC runtime library exception)
The libraries are unmodified but for one file name in the loader, and may be replaced by others of the same ABI.
`;
  const texts = ["libc6", "libgcc-s1", "libstdc++6"].map((name) => [name, `/usr/share/doc/${name}/copyright`] as const);
  return [
    fileFromBytes("licenses/NOTICE", note),
    ...texts.filter(([, path]) => existsSync(path)).map(([name, path]) => fileFromDisk(`licenses/${name}`, path)),
  ];
}
