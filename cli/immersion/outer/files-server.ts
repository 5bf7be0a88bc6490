import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { StreamDuplex } from "../../../src/tunnel/stream-duplex.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../../src/wire/stream-open.ts";

export interface FilesServerOptions {
  readonly open: (open: StreamOpen) => MuxStream;
  /** Our end of the first socket pair; the inside holds the other. */
  readonly first: Duplex;
  /** Gives the inside another socket, on which it mounts anew. */
  readonly replace: (socket: Socket) => void;
  /** Whether there is anybody inside. */
  readonly isAlive: () => boolean;
  readonly onNote: (sentence: string) => void;
  readonly signal: AbortSignal;
}

const retryMs = 200;

/**
 * Joins the file system of the inside with the pod's files. When the tunnel breaks, what is mounted answers with errors
 * at once, and the files are mounted anew as soon as there is a tunnel again. Returns when the signal says so.
 */
export async function serveFiles({ open, first, replace, isAlive, onNote, signal }: FilesServerOptions): Promise<void> {
  let stream: MuxStream | undefined = open({ kind: "sftp" });
  let socket: Duplex = first;
  for (;;) {
    await joinFiles(socket, stream, signal);
    if (signal.aborted) return;
    // The end of the inside looks the same, a moment before it is told.
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted || !isAlive()) return;
    onNote("the pod's files are gone with the tunnel; they come back with it");
    stream = await reopen(open, signal);
    if (stream === undefined) return;
    const [ours, theirs] = await socketPair();
    replace(theirs);
    socket = ours;
    onNote("the pod's files are back");
  }
}

/** Until either has ended, however. */
async function joinFiles(socket: Duplex, stream: MuxStream, signal: AbortSignal): Promise<void> {
  const duplex = new StreamDuplex(stream);
  const both = Promise.all([pipeline(socket, duplex, { signal }), pipeline(duplex, socket, { signal })]);
  try {
    await both;
  } catch {
    // However it ended: what is shown inside is of no use any more.
  } finally {
    duplex.destroy();
    socket.destroy();
  }
}

async function reopen(open: FilesServerOptions["open"], signal: AbortSignal): Promise<MuxStream | undefined> {
  for (;;) {
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return undefined;
    try {
      return open({ kind: "sftp" });
    } catch {
      // There is no tunnel yet.
    }
  }
}

/** Two connected sockets, which Node cannot make: through a name in a folder that nobody else may enter. */
async function socketPair(): Promise<[Socket, Socket]> {
  const folder = await mkdtemp(join(tmpdir(), "swap-"));
  const server = createServer();
  try {
    const path = join(folder, "files");
    server.listen(path);
    await once(server, "listening");
    const theirs = connect(path);
    const [[ours]] = (await Promise.all([once(server, "connection"), once(theirs, "connect")])) as [[Socket], unknown];
    return [ours, theirs];
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}
