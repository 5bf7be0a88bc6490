import { chmod, copyFile, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** What the agent's tree consists of; the recipe of its image makes exactly these (test/unit/image-agent.test.ts). */
export const treeMembers: readonly string[] = ["agent", "agent.cjs", "bin", "lib", "licenses"];

/**
 * Copies the agent's tree, for clusters without image volumes: an init container runs `/agent copy /target` into an
 * emptyDir that the target container mounts. Every uid can read and execute the copy. May run twice into one folder.
 *
 * @param from the folder of agent.cjs, `/` in the agent's image: other things there are left alone
 * @param to an existing folder
 */
export async function copyTree(from: string, to: string): Promise<void> {
  for (const name of treeMembers) await copyMember(join(from, name), join(to, name));
}

async function copyMember(from: string, to: string): Promise<void> {
  const stats = await stat(from);
  if (stats.isDirectory()) {
    await mkdir(to, { recursive: true });
    for (const name of await readdir(from)) await copyMember(join(from, name), join(to, name));
  } else {
    await copyFile(from, to);
  }
  // The init container's umask may be stricter than the target container's user can bear.
  await chmod(to, stats.mode & 0o777);
}
