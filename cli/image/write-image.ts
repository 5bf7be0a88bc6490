import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { directory, fileFromBytes, fileFromDisk, type Entry } from "./entry.ts";
import { blobPath, imageDocuments, type Architecture, type ImageConfig } from "./image-documents.ts";
import { writeLayer, type Compression, type LayerBlob } from "./layer.ts";
import { writeTar } from "./tar.ts";

/** An image to be written. */
export interface ImageSpec {
  /** With host and tag: `swap.dev/pause:1`. */
  readonly reference: string;
  readonly architecture: Architecture;
  /** From the bottom to the top: entries to be packed, or a layer that was packed before. */
  readonly layers: readonly (readonly Entry[] | LayerBlob)[];
  readonly config: ImageConfig;
  /** Of the layers that are packed here; `none` when absent. */
  readonly compression?: Compression;
}

/** What came out. */
export interface WrittenImage {
  readonly file: string;
  /** Of the manifest: what a registry would call the image. */
  readonly digest: string;
}

/**
 * Writes an image as one tar that `ctr images import`, `docker load` and `kind load image-archive` all take: an OCI
 * image layout (image-spec, image-layout.md) that also carries docker save's manifest.json. Same input, same bytes.
 * The file appears under its name only when it is complete.
 */
export async function writeImage(spec: ImageSpec, outputPath: string): Promise<WrittenImage> {
  await using scratch = scratchFiles(outputPath);
  const layers: LayerBlob[] = [];
  for (const layer of spec.layers) {
    layers.push("digest" in layer ? layer : await writeLayer(layer, scratch.next(), spec.compression));
  }
  const documents = imageDocuments(spec.reference, spec.architecture, spec.config, layers);
  const members = new Map<string, Entry>();
  for (const entry of [
    // The small documents first: a reader that streams knows the image before its layers arrive.
    fileFromBytes("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" })),
    fileFromBytes("index.json", documents.index),
    fileFromBytes("manifest.json", documents.dockerManifest),
    directory("blobs"),
    directory("blobs/sha256"),
    fileFromBytes(blobPath(documents.manifest.digest), documents.manifest.bytes),
    fileFromBytes(blobPath(documents.config.digest), documents.config.bytes),
    ...layers.map(({ digest, file }) => fileFromDisk(blobPath(digest), file)),
  ]) {
    members.set(entry.path, entry); // two equal layers are one blob
  }
  const unfinished = scratch.next();
  await writeTar([...members.values()], (tar) => pipeline(tar, createWriteStream(unfinished)));
  await rename(unfinished, outputPath);
  return { file: outputPath, digest: documents.manifest.digest };
}

/** Names beside the output, so that the last rename stays in one file system; whatever is left of them is removed. */
function scratchFiles(outputPath: string): AsyncDisposable & { next(): string } {
  const names: string[] = [];
  return {
    next() {
      const name = `${outputPath}.${randomUUID()}.part`;
      names.push(name);
      return name;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(names.map((name) => rm(name, { force: true })));
    },
  };
}
