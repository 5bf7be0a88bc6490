import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { posix } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Header, type Pack } from "tar-stream";
import { SwapError } from "../../src/error.ts";
import { directory, type Entry } from "./entry.ts";

/** Bytes a read: a node binary is 120 MB, and with the usual 64 KiB the calls cost more than the copying. */
const chunkBytes = 1 << 20;

/** Entries in the order of their paths, each directory before its content, with the parents that nobody named. */
export function inOrder(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    if (byPath.has(entry.path)) throw new SwapError("bug", `A layer holds ${entry.path} twice.`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let parent = posix.dirname(path); parent !== "."; parent = posix.dirname(parent)) {
      if (!byPath.has(parent)) byPath.set(parent, directory(parent));
    }
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Makes a tar of these entries, in the order given, while `consume` reads it at its own speed. Nothing of the builder's
 * machine gets in: times are the epoch, owners are the entries' own. Fails with what reading a file or `consume` threw.
 */
export async function writeTar(
  entries: readonly Entry[],
  consume: (tar: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const tar = pack({ highWaterMark: chunkBytes });
  const outcomes = await Promise.allSettled([fill(tar, entries), consume(tar as AsyncIterable<Uint8Array>)]);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

async function fill(tar: Pack, entries: readonly Entry[]): Promise<void> {
  try {
    for (const entry of entries) await add(tar, entry);
    tar.finalize();
  } catch (cause) {
    tar.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    throw cause;
  }
}

async function add(tar: Pack, entry: Entry): Promise<void> {
  const { promise: added, resolve, reject } = Promise.withResolvers<void>();
  const done = (error?: Error | null) => (error ? reject(error) : resolve());
  if (entry.kind !== "file") {
    tar.entry(header(entry), done);
  } else if ("bytes" in entry.source) {
    tar.entry({ ...header(entry), size: entry.source.bytes.byteLength }, Buffer.from(entry.source.bytes), done);
  } else {
    const { size } = await stat(entry.source.disk);
    // A streamx stream, which node's pipeline takes although its types do not say so.
    const sink = tar.entry({ ...header(entry), size }, done) as unknown as Writable;
    await Promise.all([added, pipeline(createReadStream(entry.source.disk, { highWaterMark: chunkBytes }), sink)]);
  }
  await added;
}

function header(entry: Entry): Pick<Header, "name"> & Partial<Header> {
  const common = { name: entry.path, ...entry.owner, mtime: new Date(0) };
  switch (entry.kind) {
    case "file":
      return { ...common, type: "file", mode: entry.mode };
    case "directory":
      return { ...common, type: "directory", mode: entry.mode };
    case "symlink":
      return { ...common, type: "symlink", linkname: entry.target, mode: 0o777 };
  }
}
