import { readdir, lstat, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { SwapError } from "../../src/error.ts";

/** Where a file's bytes come from. A file on disk is streamed, never held in memory. */
export type Source = { readonly disk: string } | { readonly bytes: Uint8Array };

/** Who owns an entry inside the image. Never taken from the disk: the builder's ids mean nothing in a container. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** One member of a layer. Paths are relative to the image's root, with `/` between parts and none at either end. */
export type Entry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly source: Source;
      readonly mode: number;
      readonly owner: Owner;
    }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number; readonly owner: Owner }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string; readonly owner: Owner };

const root: Owner = { uid: 0, gid: 0 };

/** Options of one entry; the defaults are what any uid can read: 0644 for files, 0755 for directories, owned by root. */
export interface EntryOptions {
  readonly mode?: number;
  readonly owner?: Owner;
}

/** A file at `path` of the image with the bytes of a file on disk. */
export function fileFromDisk(path: string, disk: string, options: EntryOptions = {}): Entry {
  return file(path, { disk }, options);
}

/** A file at `path` of the image with these bytes; text is written as UTF-8. */
export function fileFromBytes(path: string, content: Uint8Array | string, options: EntryOptions = {}): Entry {
  return file(path, { bytes: typeof content === "string" ? Buffer.from(content) : content }, options);
}

function file(path: string, source: Source, { mode = 0o644, owner = root }: EntryOptions): Entry {
  return { kind: "file", path: normalise(path), source, mode, owner };
}

/** A directory. Parents of other entries need none: they are added with mode 0755. */
export function directory(path: string, { mode = 0o755, owner = root }: EntryOptions = {}): Entry {
  return { kind: "directory", path: normalise(path), mode, owner };
}

/** A symbolic link; `target` is kept as it is, relative or absolute within the image. */
export function symlink(path: string, target: string, { owner = root }: Pick<EntryOptions, "owner"> = {}): Entry {
  return { kind: "symlink", path: normalise(path), target, owner };
}

/**
 * A whole folder of the disk, placed at `path` of the image. Permissions are made the same whatever the builder's umask:
 * 0755 for directories and files that anybody may execute, 0644 for the rest. Sockets, pipes and devices are an error.
 */
export async function folder(
  path: string,
  disk: string,
  { owner = root }: Pick<EntryOptions, "owner"> = {},
): Promise<Entry[]> {
  const entries: Entry[] = path === "" ? [] : [directory(path, { owner })];
  for (const { name } of await readdir(disk, { withFileTypes: true })) {
    const from = join(disk, name);
    const to = posix.join(path, name);
    const stats = await lstat(from);
    if (stats.isDirectory()) entries.push(...(await folder(to, from, { owner })));
    else if (stats.isSymbolicLink()) entries.push(symlink(to, await readlink(from), { owner }));
    else if (stats.isFile()) entries.push(fileFromDisk(to, from, { mode: stats.mode & 0o111 ? 0o755 : 0o644, owner }));
    else
      throw new SwapError(
        "unsupported",
        `${from} is neither file, directory nor symbolic link: it cannot be in an image.`,
      );
  }
  return entries;
}

function normalise(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length === 0 || parts.includes("..") || path.includes("\0")) {
    throw new SwapError("bug", `${JSON.stringify(path)} is not a path inside an image.`);
  }
  return parts.join("/");
}
