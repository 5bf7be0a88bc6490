import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { digestOf, fingerprint } from "./fingerprint.ts";
import type { Architecture } from "./image-documents.ts";
import { writeLayer, type Compression, type LayerBlob } from "./layer.ts";
import type { ImageRecipe, LayerRecipe } from "./recipe.ts";
import { parseReference } from "./reference.ts";
import { writeImage } from "./write-image.ts";

/** Where to keep what was built, and whom to tell. */
export interface ImageCacheOptions {
  /** `imageCacheFolder(env)`, or a test's own. Made when it is missing. */
  readonly folder: string;
  /** Of the layers; `none` when absent, which is fastest on one machine. */
  readonly compression?: Compression;
  /** Called before an image is built, not for those that are there. */
  readonly building?: (reference: string) => void;
}

/** Files that nobody asked for since so long are removed: old agents would fill the disk otherwise. Milliseconds. */
const keepUnused = 24 * 60 * 60 * 1000;

/** The folder where images are kept between runs (XDG base directory specification). */
export function imageCacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] ?? homedir(), ".cache"), "swap-lab", "images");
}

/**
 * Builds what is missing or changed and returns the tar of every image by its reference. Runs beside others of its
 * kind: both may build, either result is right, and no file is seen half-written.
 */
export async function ensureImages(
  recipes: readonly ImageRecipe[],
  options: ImageCacheOptions,
): Promise<ReadonlyMap<string, string>> {
  await mkdir(options.folder, { recursive: true });
  const builder = await fingerprint({
    sources: [import.meta.dirname],
    text: [architecture(), options.compression ?? "none"],
  });
  const tars = new Map<string, string>();
  // One after the other: building is bound by the disk and the processor, and the agent's node layer may be shared.
  for (const recipe of recipes) tars.set(recipe.reference, await ensureImage(recipe, builder, options));
  return tars;
}

/** Architecture of this machine, which is that of the lab's nodes too. */
export function architecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "amd64";
}

async function ensureImage(recipe: ImageRecipe, builder: string, options: ImageCacheOptions): Promise<string> {
  const { folder, building } = options;
  const keys = await Promise.all(
    recipe.layers.map(async ({ name, inputs }) => digestOf([builder, name, await fingerprint(inputs)])),
  );
  const name = parseReference(recipe.reference).name.replaceAll(/[^\w.-]/g, "_");
  const tar = join(folder, `${name}-${digestOf([builder, recipe.reference, recipe.config, keys])}.tar`);
  if (await use(tar)) return tar;
  building?.(recipe.reference);
  const layers: LayerBlob[] = [];
  for (const [index, layer] of recipe.layers.entries())
    layers.push(await ensureLayer(layer, `${keys[index]}`, options));
  await writeImage({ reference: recipe.reference, architecture: architecture(), config: recipe.config, layers }, tar);
  await removeUnused(folder);
  return tar;
}

async function ensureLayer(
  recipe: LayerRecipe,
  key: string,
  { folder, compression }: ImageCacheOptions,
): Promise<LayerBlob> {
  // The layer is named by its content and the note, written after it, by its inputs: two builders never mix.
  const note = join(folder, `layer-${key}.json`);
  if (await use(note)) {
    const known = JSON.parse(await readFile(note, "utf8")) as Omit<LayerBlob, "file">;
    const file = layerFile(folder, known.digest);
    if (await use(file)) return { ...known, file };
  }
  const scratch = await mkdtemp(join(folder, "scratch-"));
  await using _removed = { [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) };
  // Beside what the recipe gathers, not among it.
  const gathered = join(scratch, "gathered");
  await mkdir(gathered);
  const { file: built, ...found } = await writeLayer(
    await recipe.gather(gathered),
    join(scratch, "layer"),
    compression,
  );
  const file = layerFile(folder, found.digest);
  await rename(built, file);
  await writeFile(join(scratch, "note"), JSON.stringify(found));
  await rename(join(scratch, "note"), note);
  return { ...found, file };
}

function layerFile(folder: string, digest: string): string {
  return join(folder, `layer-${digest.replace(":", "-")}.tar`);
}

/** Whether the file is there; marks it as used now. */
async function use(file: string): Promise<boolean> {
  const now = new Date();
  return utimes(file, now, now).then(
    () => true,
    (cause: unknown) => unlessMissing(cause) ?? false,
  );
}

async function removeUnused(folder: string): Promise<void> {
  const since = Date.now() - keepUnused;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const stats = await stat(path).catch(unlessMissing);
    if (stats !== undefined && stats.mtimeMs < since) await rm(path, { recursive: true, force: true });
  }
}

/** Another process may have removed the file between two of our calls. */
function unlessMissing(cause: unknown): undefined {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
  throw cause;
}
