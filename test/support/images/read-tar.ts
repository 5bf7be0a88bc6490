import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";

/** One member as a reader other than ours finds it. */
export interface Member {
  readonly header: Header;
  readonly bytes: Buffer;
}

/** Reads a tar back, in its order. */
export async function readTar(source: string | Uint8Array): Promise<Member[]> {
  const reader = extract();
  const input = typeof source === "string" ? createReadStream(source) : Readable.from([source]);
  input.on("error", (cause: Error) => reader.destroy(cause));
  input.pipe(reader);
  const members: Member[] = [];
  for await (const entry of reader) {
    members.push({ header: entry.header, bytes: await buffer(entry as AsyncIterable<Uint8Array>) });
  }
  return members;
}

/** The documents and layers of an image tar, by the path that the tar gives them. */
export async function readImage(file: string): Promise<Map<string, Buffer>> {
  return new Map((await readTar(file)).map(({ header, bytes }) => [header.name.replace(/\/$/, ""), bytes]));
}
