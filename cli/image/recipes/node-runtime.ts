import { existsSync } from "node:fs";
import { join } from "node:path";
import { directory, fileFromBytes, fileFromDisk, symlink, type Entry } from "../entry.ts";
import { librariesOf } from "../libraries.ts";
import type { ImageRecipe, LayerRecipe } from "../recipe.ts";
import { stripped } from "../strip.ts";
import { busyboxEntries, busyboxProgram } from "./busybox.ts";

/** Where the Node for images comes from: the development dependency, else the one that runs this command. */
export function nodeProgram(root: string): string {
  const dependency = join(root, "node_modules/node/bin/node");
  return existsSync(dependency) ? dependency : process.execPath;
}

/** The machine's loader stands for its C library: both come in one package, so its change is the change of all. */
export const machineLoader = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";

/** Node with the libraries that it needs, a shell and the files that programs expect: what example apps build upon. */
export function nodeRuntimeLayer(root: string): LayerRecipe {
  const node = nodeProgram(root);
  const busybox = busyboxProgram();
  return {
    name: "node runtime",
    inputs: { binaries: [node, machineLoader, busybox] },
    async gather(scratch) {
      return [
        fileFromDisk("usr/local/bin/node", await stripped(node, join(scratch, "node")), { mode: 0o755 }),
        ...(await libraryEntries(node)),
        ...(await busyboxEntries(busybox)),
        symlink("usr/bin/env", "/bin/busybox"),
        ...systemFiles(),
      ];
    },
  };
}

/** The libraries of these programs, at the paths where their loader looks. */
export async function libraryEntries(...programs: readonly string[]): Promise<Entry[]> {
  const { loader, libraries } = await librariesOf(...programs);
  return [...new Set([loader, ...libraries])].map((path) => fileFromDisk(path, path, { mode: 0o755 }));
}

/** Users, name service and folders as in any small distribution. */
export function systemFiles(): Entry[] {
  return [
    fileFromBytes(
      "etc/passwd",
      lines("root:x:0:0:root:/root:/bin/sh", "node:x:1000:1000::/home/node:/bin/sh", nonroot, nobody),
    ),
    fileFromBytes("etc/group", lines("root:x:0:", "node:x:1000:", "nonroot:x:65532:", "nogroup:x:65534:")),
    fileFromBytes("etc/nsswitch.conf", lines("passwd: files", "group: files", "hosts: files dns")),
    directory("root", { mode: 0o700 }),
    directory("home/node", { owner: { uid: 1000, gid: 1000 } }),
    directory("home/nonroot", { owner: { uid: 65532, gid: 65532 } }),
    directory("tmp", { mode: 0o1777 }),
  ];
}

const nonroot = "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin";
const nobody = "nobody:x:65534:65534::/nonexistent:/sbin/nologin";

function lines(...text: readonly string[]): string {
  return `${text.join("\n")}\n`;
}

/** `swap.dev/node:24`: like the official image of that name, smaller. */
export function nodeImage(root: string): ImageRecipe {
  return {
    reference: "swap.dev/node:24",
    layers: [nodeRuntimeLayer(root)],
    config: { cmd: ["node"], env: { PATH: usualPath }, workingDir: "/" },
  };
}

/** PATH as container images have it. */
export const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
