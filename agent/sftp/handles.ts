import { closeSync, type Dir } from "node:fs";

/** An open file. */
export interface FileHandle {
  kind: "file";
  fd: number;
}

/** An open folder, listed from where the last answer ended. */
export interface FolderHandle {
  kind: "folder";
  path: Buffer;
  dir: Dir;
  /** Taken from `dir`, not told yet. */
  next: Buffer | undefined;
}

export type Handle = FileHandle | FolderHandle;

const handleBytes = 4;

/** What one connection has open, by the numbers that it knows them by. */
export class Handles {
  readonly #max: number;
  readonly #open = new Map<number, Handle>();
  #last = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get full(): boolean {
    return this.#open.size >= this.#max;
  }

  /** The name of the handle. The caller has looked at `full`. */
  add(handle: Handle): Buffer {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#open.has(this.#last));
    this.#open.set(this.#last, handle);
    const name = Buffer.alloc(handleBytes);
    name.writeUInt32BE(this.#last);
    return name;
  }

  get(name: Buffer): Handle | undefined {
    return name.length === handleBytes ? this.#open.get(name.readUInt32BE(0)) : undefined;
  }

  /** False when there is no such handle. Throws the system's error of close(2), which may tell of a failed write. */
  close(name: Buffer): boolean {
    const handle = this.get(name);
    if (handle === undefined) return false;
    this.#open.delete(name.readUInt32BE(0));
    release(handle);
    return true;
  }

  /** Closes all, whatever each says. */
  closeAll(onError: (error: unknown) => void): void {
    for (const handle of this.#open.values()) {
      try {
        release(handle);
      } catch (error) {
        onError(error);
      }
    }
    this.#open.clear();
  }
}

function release(handle: Handle): void {
  if (handle.kind === "file") closeSync(handle.fd);
  else handle.dir.closeSync();
}
