import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { fileFromDisk } from "../../cli/image/entry.ts";
import { ensureImages, imageCacheFolder } from "../../cli/image/image-cache.ts";
import type { ImageRecipe, LayerRecipe } from "../../cli/image/recipe.ts";
import { temporaryFolder } from "../support/images/temporary-folder.ts";

/** A layer with one file of the disk, and the number of times that it was gathered. */
function counted(path: string, disk: string): LayerRecipe & { readonly gathered: { times: number } } {
  const gathered = { times: 0 };
  return {
    name: `file at ${path}`,
    gathered,
    inputs: { sources: [disk] },
    gather: () => {
      gathered.times++;
      return Promise.resolve([fileFromDisk(path, disk)]);
    },
  };
}

const image = (...layers: LayerRecipe[]): ImageRecipe => ({ reference: "swap.dev/example:1", layers, config: {} });

describe("ensureImages", () => {
  test("builds once, then finds what it built", async () => {
    await using scratch = await temporaryFolder();
    await writeFile(scratch.at("a"), "a");
    const layer = counted("a", scratch.at("a"));
    const built: string[] = [];
    const options = { folder: scratch.at("cache"), building: (reference: string) => built.push(reference) };
    const first = await ensureImages([image(layer)], options);
    const second = await ensureImages([image(layer)], options);
    expect(second).toEqual(first);
    expect([layer.gathered.times, built]).toEqual([1, ["swap.dev/example:1"]]);
    expect([...first.keys()]).toEqual(["swap.dev/example:1"]);
  });

  test("gathers only the layer that changed", async () => {
    await using scratch = await temporaryFolder();
    await writeFile(scratch.at("low"), "low");
    await writeFile(scratch.at("top"), "one");
    const [low, top] = [counted("low", scratch.at("low")), counted("top", scratch.at("top"))];
    const options = { folder: scratch.at("cache") };
    const before = await ensureImages([image(low, top)], options);
    await writeFile(scratch.at("top"), "two");
    const after = await ensureImages([image(low, top)], options);
    expect([low.gathered.times, top.gathered.times]).toEqual([1, 2]);
    expect(after).not.toEqual(before);
  });

  test("keeps layers apart that are made of the same file in different ways", async () => {
    await using scratch = await temporaryFolder();
    await writeFile(scratch.at("a"), "a");
    const [one, other] = [counted("one", scratch.at("a")), counted("other", scratch.at("a"))];
    await ensureImages([image(one, other)], { folder: scratch.at("cache") });
    expect([one.gathered.times, other.gathered.times]).toEqual([1, 1]);
  });

  test("agrees with others that build the same at the same time, and leaves no unfinished file", async () => {
    await using scratch = await temporaryFolder();
    await writeFile(scratch.at("a"), "a");
    const options = { folder: scratch.at("cache") };
    const all = await Promise.all(
      [1, 2, 3, 4].map(() => ensureImages([image(counted("a", scratch.at("a")))], options)),
    );
    for (const tars of all) expect(tars).toEqual(all[0]);
    const left = await readdir(scratch.at("cache"));
    expect(left.filter((name) => /part|scratch/.test(name))).toEqual([]);
    expect((await readFile(all[0]?.get("swap.dev/example:1") ?? "")).length).toBeGreaterThan(0);
  });

  test("removes what nobody asked for in a day, and nothing younger", async () => {
    await using scratch = await temporaryFolder();
    const options = { folder: scratch.at("cache") };
    await writeFile(scratch.at("a"), "one");
    const old = (await ensureImages([image(counted("a", scratch.at("a")))], options)).get("swap.dev/example:1") ?? "";
    await writeFile(scratch.at("a"), "two");
    const young = (await ensureImages([image(counted("a", scratch.at("a")))], options)).get("swap.dev/example:1") ?? "";
    const longAgo = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(old, longAgo, longAgo);
    await writeFile(scratch.at("a"), "three");
    await ensureImages([image(counted("a", scratch.at("a")))], options);
    const left = (await readdir(scratch.at("cache"))).map((name) => scratch.at("cache", name));
    expect([left.includes(old), left.includes(young)]).toEqual([false, true]);
  });

  test("names the file that an image cannot be made without", async () => {
    await using scratch = await temporaryFolder();
    const images = [image(counted("a", scratch.at("missing")))];
    const failure = { code: "not-found", message: expect.stringContaining("missing") };
    await expect(ensureImages(images, { folder: scratch.at("cache") })).rejects.toMatchObject(failure);
  });

  test("compresses on request, without mixing the two kinds", async () => {
    await using scratch = await temporaryFolder();
    await writeFile(scratch.at("a"), "a".repeat(100_000));
    const images = [image(counted("a", scratch.at("a")))];
    const sizes: number[] = [];
    for (const compression of ["none", "gzip", "none"] as const) {
      const tars = await ensureImages(images, { folder: scratch.at("cache"), compression });
      sizes.push((await stat(tars.get("swap.dev/example:1") ?? "")).size);
    }
    expect(sizes[1]).toBeLessThan(20_000);
    expect(sizes[0]).toBeGreaterThan(100_000);
    expect(sizes[2]).toBe(sizes[0]);
  });

  test("keeps its files where the XDG base directory specification says", () => {
    expect(imageCacheFolder({ XDG_CACHE_HOME: "/x", HOME: "/h" })).toBe("/x/swap-lab/images");
    expect(imageCacheFolder({ XDG_CACHE_HOME: "", HOME: "/h" })).toBe("/h/.cache/swap-lab/images");
  });
});
