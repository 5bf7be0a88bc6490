import { execFile } from "node:child_process";
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Tester } from "./surroundings.ts";

const execute = promisify(execFile);
const name = "swap-tester";

/**
 * Gives an ordinary user of this machine, who is made when missing, all that a developer has: the command, a Node, a
 * kubeconfig. Everything is copied: the checkout may lie where others cannot look. Disposing removes the copies.
 */
export async function furnishTester(root: string, kubeconfig: string): Promise<Tester & AsyncDisposable> {
  const account = (await readAccount()) ?? (await makeAccount());
  const folder = await mkdtemp(join(tmpdir(), "swap-e2e-"));
  const own = join(folder, "kubeconfig");
  await chmod(folder, 0o755);
  await cp(join(root, "dist"), join(folder, "dist"), { recursive: true });
  await copyFile(join(root, "package.json"), join(folder, "package.json"));
  // What npm would install beside it: the one dependency with a native part is not in the bundle.
  for (const dependency of ["koffi", "@koromix"]) {
    await cp(join(root, "node_modules", dependency), join(folder, "node_modules", dependency), { recursive: true });
  }
  await openFuse();
  await cp(join(root, "test/support/apps"), join(folder, "apps"), { recursive: true });
  await mkdir(join(folder, "bin"));
  await copyFile(process.execPath, join(folder, "bin/node"));
  await copyFile(kubeconfig, own);
  await execute("chmod", ["-R", "a+rX", folder]);
  await chmod(own, 0o600);
  await chown(own, account.uid, account.gid);
  return {
    ...account,
    name,
    folder,
    kubeconfig: own,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** udev gives /dev/fuse to everybody; a machine without udev leaves it to root. */
async function openFuse(): Promise<void> {
  await chmod("/dev/fuse", 0o666).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  });
}

type Account = Pick<Tester, "uid" | "gid" | "home">;

async function readAccount(): Promise<Account | undefined> {
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n");
  const [, , uid, gid, , home] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
  return home === undefined ? undefined : { uid: Number(uid), gid: Number(gid), home };
}

async function makeAccount(): Promise<Account> {
  await execute("useradd", ["--create-home", "--shell", "/bin/sh", name]);
  const account = await readAccount();
  if (account === undefined) throw new Error(`useradd has made no ${name}`);
  return account;
}
