import { createHash, type Hash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Entry } from "./entry.ts";
import { inOrder, writeTar } from "./tar.ts";

/** `none` for a lab on the same machine, `gzip` for a registry. */
export type Compression = "none" | "gzip";

/** A layer as it lies on the disk, ready to be put into any number of images. */
export interface LayerBlob {
  /** Where the bytes are. */
  readonly file: string;
  /** `sha256:` and 64 hex digits, of the file. */
  readonly digest: string;
  /** The same of the tar before compression; a container runtime names layers by it (OCI image-spec, config.md). */
  readonly diffId: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly compression: Compression;
}

/** Writes a layer with these entries into `file`. The same entries give the same digest on any machine. */
export async function writeLayer(
  entries: readonly Entry[],
  file: string,
  compression: Compression = "none",
): Promise<LayerBlob> {
  const plain = createHash("sha256");
  const packed = createHash("sha256");
  await writeTar(inOrder(entries), (tar) =>
    pipeline(
      tar,
      hashing(plain),
      compression === "gzip" ? createGzip({ level: 6 }) : new PassThrough(),
      hashing(compression === "gzip" ? packed : undefined),
      createWriteStream(file),
    ),
  );
  const diffId = `sha256:${plain.digest("hex")}`;
  const digest = compression === "gzip" ? `sha256:${packed.digest("hex")}` : diffId;
  return { file, digest, diffId, size: (await stat(file)).size, compression };
}

function hashing(hash: Hash | undefined): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash?.update(chunk);
      done(null, chunk);
    },
  });
}
