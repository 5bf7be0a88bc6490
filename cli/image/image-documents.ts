import { createHash } from "node:crypto";
import type { LayerBlob } from "./layer.ts";
import { parseReference } from "./reference.ts";

/** What a container of the image runs, unless its pod says otherwise (OCI image-spec, config.md). */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `uid`, `uid:gid` or names of the image's own /etc/passwd. */
  readonly user?: string;
  readonly workingDir?: string;
  /** TCP ports. Informational: nothing opens or closes by it. */
  readonly exposedPorts?: readonly number[];
  readonly labels?: Readonly<Record<string, string>>;
}

/** Processor as Go and Kubernetes name it. */
export type Architecture = "amd64" | "arm64";

/** The JSON of an image beside its layers, each as the bytes that its digest is taken of. */
export interface ImageDocuments {
  readonly config: JsonBlob;
  readonly manifest: JsonBlob;
  /** OCI image-layout's index.json: what containerd reads. */
  readonly index: Buffer;
  /** docker save's manifest.json: what `docker load` of any age reads. */
  readonly dockerManifest: Buffer;
}

/** A JSON document and its digest. */
export interface JsonBlob {
  readonly bytes: Buffer;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
}

const epoch = "1970-01-01T00:00:00Z";

/** Decides every byte of an image's JSON; the same input gives the same digests. */
export function imageDocuments(
  reference: string,
  architecture: Architecture,
  image: ImageConfig,
  layers: readonly Omit<LayerBlob, "file">[],
): ImageDocuments {
  const { tag } = parseReference(reference);
  const platform = { architecture, os: "linux", ...(architecture === "arm64" ? { variant: "v8" } : {}) };
  const config = jsonBlob({
    created: epoch,
    ...platform,
    config: runtimeConfig(image),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: epoch, created_by: "swap" })),
  });
  const configType = "application/vnd.oci.image.config.v1+json";
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = jsonBlob({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ digest, size, compression }) => ({
      mediaType: `application/vnd.oci.image.layer.v1.tar${compression === "gzip" ? "+gzip" : ""}`,
      digest,
      size,
    })),
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        mediaType: manifestType,
        digest: manifest.digest,
        size: manifest.bytes.length,
        platform,
        // containerd names the image by the first, other tools by the second.
        annotations: { "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag },
      },
    ],
  };
  const dockerManifest = [
    { Config: blobPath(config.digest), RepoTags: [reference], Layers: layers.map(({ digest }) => blobPath(digest)) },
  ];
  return { config, manifest, index: json(index), dockerManifest: json(dockerManifest) };
}

/** Where an OCI image layout keeps the blob with this digest. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function runtimeConfig({ entrypoint, cmd, env, user, workingDir, exposedPorts, labels }: ImageConfig): object {
  return {
    ...(user === undefined ? {} : { User: user }),
    ...(exposedPorts === undefined
      ? {}
      : { ExposedPorts: Object.fromEntries(exposedPorts.map((port) => [`${port}/tcp`, {}])) }),
    ...(env === undefined ? {} : { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
    ...(labels === undefined ? {} : { Labels: labels }),
  };
}

function jsonBlob(value: object): JsonBlob {
  const bytes = json(value);
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
