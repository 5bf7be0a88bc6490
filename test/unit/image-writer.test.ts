import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, symlink as link, utimes, writeFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { directory, fileFromBytes, fileFromDisk, folder, symlink, type Entry } from "../../cli/image/entry.ts";
import { writeLayer } from "../../cli/image/layer.ts";
import { writeImage, type ImageSpec } from "../../cli/image/write-image.ts";
import { readImage, readTar } from "../support/images/read-tar.ts";
import { temporaryFolder } from "../support/images/temporary-folder.ts";

const spec = (layers: ImageSpec["layers"], more: Partial<ImageSpec> = {}): ImageSpec => ({
  reference: "swap.dev/example:1",
  architecture: "amd64",
  layers,
  config: { entrypoint: ["/bin/app"], env: { PATH: "/bin" }, user: "65532", exposedPorts: [8080], labels: { a: "b" } },
  ...more,
});
const app = (): Entry[] => [fileFromBytes("bin/app", "#!", { mode: 0o755 }), symlink("bin/alias", "app")];
const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

describe("an image", () => {
  test("is a chain of digests from index.json to each layer, every one that of the bytes it names", async () => {
    await using scratch = await temporaryFolder();
    const { digest } = await writeImage(spec([app(), [fileFromBytes("etc/x", "x")]]), scratch.at("image.tar"));
    const members = await readImage(scratch.at("image.tar"));
    const blob = (of: string) => members.get(`blobs/${of.replace(":", "/")}`) ?? Buffer.from("missing");
    const json = (bytes: Buffer | undefined) => JSON.parse(`${bytes}`) as any; // eslint-disable-line
    expect(json(members.get("oci-layout"))).toEqual({ imageLayoutVersion: "1.0.0" });
    const [described] = json(members.get("index.json")).manifests;
    expect(described).toMatchObject({ digest, annotations: { "io.containerd.image.name": "swap.dev/example:1" } });
    const manifest = json(blob(described.digest));
    for (const { digest, size } of [described, manifest.config, ...manifest.layers]) {
      expect([sha256(blob(digest)), blob(digest).length]).toEqual([digest, size]);
    }
    expect(json(blob(manifest.config.digest))).toMatchObject({
      architecture: "amd64",
      os: "linux",
      config: { Entrypoint: ["/bin/app"], Env: ["PATH=/bin"], User: "65532", ExposedPorts: { "8080/tcp": {} } },
      rootfs: { diff_ids: manifest.layers.map((layer: { digest: string }) => layer.digest) },
    });
    expect(json(members.get("manifest.json"))).toEqual([
      {
        Config: `blobs/${manifest.config.digest.replace(":", "/")}`,
        RepoTags: ["swap.dev/example:1"],
        Layers: manifest.layers.map((layer: { digest: string }) => `blobs/${layer.digest.replace(":", "/")}`),
      },
    ]);
  });

  test.each(["none", "gzip"] as const)(
    "has the same bytes from the same input, compression %s",
    async (compression) => {
      await using scratch = await temporaryFolder();
      for (const [name, mode] of [
        ["one", 0o755],
        ["two", 0o700],
      ] as const) {
        await mkdir(scratch.at(name, "sub"), { recursive: true });
        await writeFile(scratch.at(name, "sub", "run"), "#!/bin/sh\n");
        await chmod(scratch.at(name, "sub", "run"), mode);
        await writeFile(scratch.at(name, "data"), "data", { mode: mode & 0o666 });
        await link("sub/run", scratch.at(name, "link"));
        await utimes(scratch.at(name, "data"), mode, mode);
        const layers = [await folder("app", scratch.at(name))];
        await writeImage(spec(layers, { compression }), scratch.at(`${name}.tar`));
      }
      expect(await readFile(scratch.at("one.tar"))).toEqual(await readFile(scratch.at("two.tar")));
    },
  );

  test("leaves nothing behind when a file of it cannot be read", async () => {
    await using scratch = await temporaryFolder();
    const layers = [[fileFromDisk("a", scratch.at("missing"))]];
    await expect(writeImage(spec(layers), scratch.at("image.tar"))).rejects.toThrow("ENOENT");
    expect(await readdir(scratch.path)).toEqual([]);
  });

  test("leaves nothing behind when it cannot be written", async () => {
    await using scratch = await temporaryFolder();
    await mkdir(scratch.at("image.tar", "in-the-way"), { recursive: true });
    await expect(writeImage(spec([app()]), scratch.at("image.tar"))).rejects.toThrow(/EISDIR|ENOTEMPTY/);
    expect(await readdir(scratch.path)).toEqual(["image.tar"]);
  });

  test("holds two equal layers once", async () => {
    await using scratch = await temporaryFolder();
    await writeImage(spec([app(), app()]), scratch.at("image.tar"));
    const names = (await readTar(scratch.at("image.tar"))).map(({ header }) => header.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(["pause", "pause:1", "library/pause:1", "swap.dev/pause", "swap.dev/Pa use:1", "swap.dev/a:b:c"])(
    "needs host, path and tag: %s is refused",
    async (reference) => {
      await using scratch = await temporaryFolder();
      await expect(writeImage(spec([app()], { reference }), scratch.at("image.tar"))).rejects.toThrow(
        "image reference",
      );
    },
  );
});

describe("a layer", () => {
  test("is in order, with the parents that nobody named, and knows nothing of the builder", async () => {
    await using scratch = await temporaryFolder();
    const owner = { uid: 65532, gid: 65532 };
    const entries = [
      fileFromBytes("/usr/bin/z", "z", { mode: 0o755 }),
      directory("home/nonroot", { owner }),
      directory("tmp", { mode: 0o1777 }),
      symlink("usr/bin/a", "/usr/bin/z"),
    ];
    const { file } = await writeLayer(entries, scratch.at("layer.tar"));
    const rows = (await readTar(file)).map(({ header: { name, type, mode, uid, linkname } }) => [
      name,
      type,
      mode,
      uid,
      linkname,
    ]);
    expect(rows).toEqual([
      ["home", "directory", 0o755, 0, null],
      ["home/nonroot", "directory", 0o755, 65532, null],
      ["tmp", "directory", 0o1777, 0, null],
      ["usr", "directory", 0o755, 0, null],
      ["usr/bin", "directory", 0o755, 0, null],
      ["usr/bin/a", "symlink", 0o777, 0, "/usr/bin/z"],
      ["usr/bin/z", "file", 0o755, 0, null],
    ]);
    for (const { header } of await readTar(file))
      expect(header).toMatchObject({ mtime: new Date(0), uname: "", gname: "" });
  });

  test("carries large and empty files, and paths longer than a tar header has room for", async () => {
    await using scratch = await temporaryFolder();
    const large = randomBytes(5 * 1024 * 1024 + 1);
    await writeFile(scratch.at("large"), large);
    await writeFile(scratch.at("empty"), "");
    const long = `${"folder/".repeat(40)}${"ü".repeat(120)}`;
    const entries = [
      fileFromDisk("large", scratch.at("large")),
      fileFromDisk("empty", scratch.at("empty")),
      fileFromBytes(long, "l"),
    ];
    const { file, diffId, digest } = await writeLayer(entries, scratch.at("layer.tar"));
    const members = new Map((await readTar(file)).map(({ header, bytes }) => [header.name, bytes]));
    expect(members.get("large")?.equals(large)).toBe(true);
    expect(members.get("empty")?.length).toBe(0);
    expect(members.get(long)?.toString()).toBe("l");
    expect([diffId, digest]).toEqual([sha256(await readFile(file)), sha256(await readFile(file))]);
  });

  test("is named by its bytes as they are, and by those before compression", async () => {
    await using scratch = await temporaryFolder();
    const plain = await writeLayer(app(), scratch.at("plain"));
    const packed = await writeLayer(app(), scratch.at("packed"), "gzip");
    expect(packed.diffId).toBe(plain.digest);
    expect(packed.digest).toBe(sha256(await readFile(packed.file)));
    expect(sha256(gunzipSync(await readFile(packed.file)))).toBe(plain.digest);
  });

  test("refuses one path twice", async () => {
    await using scratch = await temporaryFolder();
    const entries = [fileFromBytes("a/b", "1"), fileFromBytes("/a//b", "2")];
    await expect(writeLayer(entries, scratch.at("layer.tar"))).rejects.toThrow("a/b twice");
  });

  test.each(["", "/", "../a", "a/../../b", "a\0b"])("refuses the path %j", (path) => {
    expect(() => fileFromBytes(path, "")).toThrow("not a path inside an image");
  });
});
