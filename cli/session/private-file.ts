import { constants } from "node:fs";
import { mkdir, mkdtemp, open, rm, statfs, symlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

/** statfs(2): f_type of tmpfs. */
const tmpfsMagic = 0x01021994;

/** A file in memory that only this user can read and that is gone with this process, however it ends. */
export interface PrivateFile extends AsyncDisposable {
  /** A path with a stable name; it dangles when the process is gone. */
  readonly path: string;
}

/**
 * Keeps `text` in an unlinked file of a tmpfs, behind a symbolic link to our descriptor of it: nothing of the text can be
 * left behind, on a disk or elsewhere.
 * @returns undefined where there is no tmpfs (macOS, Windows).
 */
export async function keepPrivateFile(
  name: string,
  text: string,
  env: NodeJS.ProcessEnv,
): Promise<PrivateFile | undefined> {
  const root = await findTmpfs(env);
  if (root === undefined) return undefined;
  const secret = await mkdtemp(join(root, ".swap-"));
  let file: FileHandle;
  try {
    file = await open(join(secret, "env"), constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  } finally {
    await rm(secret, { recursive: true });
  }
  await file.write(text);
  const folder = join(root, `swap-${process.getuid?.() ?? 0}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  await rm(path, { force: true });
  await symlink(`/proc/${process.pid}/fd/${file.fd}`, path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
      await file.close();
    },
  };
}

async function findTmpfs(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  for (const folder of [env["XDG_RUNTIME_DIR"], "/dev/shm"]) {
    if (!folder) continue;
    const type = await statfs(folder).then(
      (stats) => stats.type,
      () => undefined,
    );
    if (type === tmpfsMagic) return folder;
  }
  return undefined;
}
