import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { SwapError } from "../../../src/error.ts";
import { directory, fileFromBytes, fileFromDisk, symlink, type Entry } from "../entry.ts";
import type { ImageRecipe } from "../recipe.ts";

const execute = promisify(execFile);

/** Where Debian's busybox-static and other distributions have it. @throws SwapError `lab` when it is not installed */
export function busyboxProgram(): string {
  const found = ["/usr/bin/busybox", "/bin/busybox", "/usr/bin/busybox.static"].find((path) => existsSync(path));
  if (found === undefined) {
    throw new SwapError("lab", "busybox is not installed.", { hint: "Install it: apt-get install busybox-static" });
  }
  return found;
}

/** busybox and a symbolic link for each program that it can be. Static, or it would start in no image but this machine's. */
export async function busyboxEntries(busybox: string): Promise<Entry[]> {
  const { stdout } = await execute(busybox, ["--list"]);
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
  return [
    fileFromDisk("bin/busybox", busybox, { mode: 0o755 }),
    ...applets.map((name) => symlink(`bin/${name}`, "busybox")),
  ];
}

/** `swap.dev/busybox:1`: a shell and the usual tools in one static program. */
export function busyboxImage(): ImageRecipe {
  const busybox = busyboxProgram();
  return {
    reference: "swap.dev/busybox:1",
    layers: [
      {
        name: "busybox",
        inputs: { binaries: [busybox] },
        gather: async () => [
          ...(await busyboxEntries(busybox)),
          fileFromBytes("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"),
          fileFromBytes("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
          directory("root", { mode: 0o700 }),
          directory("tmp", { mode: 0o1777 }),
        ],
      },
    ],
    config: { cmd: ["sh"], env: { PATH: "/bin" }, workingDir: "/" },
  };
}
