import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { digestOf, fingerprint } from "./fingerprint.ts";
import type { Architecture } from "./image-documents.ts";
import { writeLayer, type LayerBlob } from "./layer.ts";
import type { ImageRecipe, LayerRecipe } from "./recipe.ts";
import { parseReference } from "./reference.ts";
import { writeImage } from "./write-image.ts";

/** Where to keep what was built, and whom to tell. */
export interface ImageCacheOptions {
  /** `imageCacheFolder(env)`, or a test's own. Made when it is missing. */
  readonly folder: string;
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
  const builder = await fingerprint({ sources: [import.meta.dirname], text: [architecture()] });
  const tars = new Map<string, string>();
  // One after the other: building is bound by the disk and the processor, and the agent's node layer may be shared.
  for (const recipe of recipes) tars.set(recipe.reference, await ensureImage(recipe, builder, options));
  return tars;
}

/** Architecture of this machine, which is that of the lab's nodes too. */
export function architecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "amd64";
}

async function ensureImage(
  recipe: ImageRecipe,
  builder: string,
  { folder, building }: ImageCacheOptions,
): Promise<string> {
  const keys = await Promise.all(
    recipe.layers.map(async ({ name, inputs }) => digestOf([builder, name, await fingerprint(inputs)])),
  );
  const name = parseReference(recipe.reference).name.replaceAll(/[^\w.-]/g, "_");
  const tar = join(folder, `${name}-${digestOf([builder, recipe.reference, recipe.config, keys])}.tar`);
  if (await use(tar)) return tar;
  building?.(recipe.reference);
  const layers: LayerBlob[] = [];
  for (const [index, layer] of recipe.layers.entries()) layers.push(await ensureLayer(layer, `${keys[index]}`, folder));
  await writeImage({ reference: recipe.reference, architecture: architecture(), config: recipe.config, layers }, tar);
  await removeUnused(folder);
  return tar;
}

async function ensureLayer(recipe: LayerRecipe, key: string, folder: string): Promise<LayerBlob> {
  const file = join(folder, `layer-${key}.tar`);
  const note = join(folder, `layer-${key}.json`);
  // The note is written after the layer: where it is, the layer is complete.
  if ((await use(file)) && (await use(note)))
    return { ...(JSON.parse(await readFile(note, "utf8")) as LayerBlob), file };
  const scratch = await mkdtemp(join(folder, "scratch-"));
  await using _removed = { [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) };
  const built = await writeLayer(await recipe.gather(scratch), join(scratch, `${randomUUID()}.tar`));
  await rename(built.file, file);
  await writeFile(join(scratch, "note.json"), JSON.stringify({ ...built, file: undefined }));
  await rename(join(scratch, "note.json"), note);
  return { ...built, file };
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
