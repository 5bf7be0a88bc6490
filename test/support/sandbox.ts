import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { surroundings } from "./surroundings.ts";

/** A folder of the ordinary user that is gone when its holder is. */
export interface Sandbox extends AsyncDisposable {
  readonly path: string;
  at(name: string): string;
  /** Writes a file that belongs to the ordinary user. @returns its path. */
  write(name: string, text: string, mode?: number): Promise<string>;
}

/** `await using sandbox = await useSandbox()`. */
export async function useSandbox(): Promise<Sandbox> {
  const { uid, gid } = surroundings().tester;
  const path = await mkdtemp(join(tmpdir(), "swap-sandbox-"));
  await chown(path, uid, gid);
  const at = (name: string): string => join(path, name);
  return {
    path,
    at,
    async write(name, text, mode = 0o600) {
      await writeFile(at(name), text);
      await chown(at(name), uid, gid);
      await chmod(at(name), mode);
      return at(name);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
