import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { SwapError } from "../../src/error.ts";
import type { LayerInputs } from "./recipe.ts";

/** A short name for these inputs: equal inputs have equal names, others do not. @throws SwapError `not-found` */
export async function fingerprint(inputs: LayerInputs): Promise<string> {
  const parts = await Promise.all([
    ...(inputs.text ?? []).map((text) => Promise.resolve(["text", text])),
    ...(inputs.sources ?? []).map(contents),
    ...(inputs.binaries ?? []).map(async (path) => {
      const { size, mtimeMs, ino } = await existing(path);
      return ["binary", path, size, mtimeMs, ino];
    }),
  ]);
  return digestOf(parts);
}

/** The same for values that JSON can say. 128 bits: no collision will ever be met, and file names stay readable. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32);
}

async function existing(path: string): Promise<Stats> {
  return stat(path).catch((cause: unknown) => {
    throw new SwapError("not-found", `${path} is missing: an image is made from it.`, { cause });
  });
}

/** Names and contents below a path, without the path itself: a checkout elsewhere has the same. */
async function contents(path: string): Promise<unknown[]> {
  if (!(await existing(path)).isDirectory()) return ["source", digestOf((await readFile(path)).toString("base64"))];
  const names = (await readdir(path)).sort();
  return ["folder", await Promise.all(names.map(async (name) => [name, await contents(join(path, name))]))];
}
