import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileFromBytes, fileFromDisk, symlink, type Entry } from "../../../cli/image/entry.ts";
import type { ImageConfig } from "../../../cli/image/image-documents.ts";
import type { ImageRecipe } from "../../../cli/image/recipe.ts";
import { busyboxEntries, busyboxProgram } from "../../../cli/image/recipes/busybox.ts";
import { libraryEntries, systemFiles, usualPath } from "../../../cli/image/recipes/node-runtime.ts";

const execute = promisify(execFile);
const source = join(import.meta.dirname, "identity.c");

/** The kinds of image that a swap promises to work in; reference `swap.dev/identity-KIND:1`. */
export type IdentityKind = "debian" | "musl" | "distroless" | "scratch";

/** The same small server (identity.c) in four images that have nothing else in common. */
export function identityImages(): ImageRecipe[] {
  return [debian(), musl(), distroless(), scratch()];
}

export function identityReference(kind: IdentityKind): string {
  return `swap.dev/identity-${kind}:1`;
}

/** Dynamic glibc, a shell and tools that depend on it, root, an /etc of its own: as most images are. */
function debian(): ImageRecipe {
  const tools = ["/bin/dash", "/usr/bin/env", "/bin/cat", "/bin/ls", "/bin/sleep", "/usr/bin/id"];
  return recipe("debian", ["gcc"], { env: { PATH: usualPath, LANG: "C.UTF-8" } }, async (server) => [
    fileFromDisk("usr/local/bin/identity", server, { mode: 0o755 }),
    ...tools.map((path) => fileFromDisk(path, path, { mode: 0o755 })),
    symlink("bin/sh", "dash"),
    ...(await libraryEntries(server, ...tools)),
    fileFromBytes("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'),
    ...systemFiles(),
  ]);
}

/** Dynamic musl and busybox, as Alpine: the libraries of glibc programs do not work here. */
function musl(): ImageRecipe {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const library = `/usr/lib/${machine}-linux-musl/libc.so`;
  return recipe("musl", ["musl-gcc"], { env: { PATH: usualPath } }, async (server) => [
    fileFromDisk("usr/local/bin/identity", server, { mode: 0o755 }),
    fileFromDisk(`lib/ld-musl-${machine}.so.1`, library, { mode: 0o755 }),
    ...(await busyboxEntries(busyboxProgram())),
    fileFromBytes("etc/os-release", 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22\n'),
    ...systemFiles(),
  ]);
}

/** glibc's libraries and nothing to look around with; user 65532. */
function distroless(): ImageRecipe {
  const config = { user: "65532:65532", workingDir: "/home/nonroot", env: { PATH: usualPath } };
  return recipe("distroless", ["gcc"], config, async (server) => [
    fileFromDisk("usr/local/bin/identity", server, { mode: 0o755 }),
    ...(await libraryEntries(server)),
    ...systemFiles(),
  ]);
}

/** One static program: no /etc, no /tmp, no users. */
function scratch(): ImageRecipe {
  return recipe("scratch", ["musl-gcc", "-static"], {}, (server) =>
    Promise.resolve([fileFromDisk("identity", server, { mode: 0o755 })]),
  );
}

function recipe(
  kind: IdentityKind,
  compiler: readonly [string, ...string[]],
  config: ImageConfig,
  entries: (server: string) => Promise<Entry[]>,
): ImageRecipe {
  return {
    reference: identityReference(kind),
    layers: [
      {
        name: `identity ${kind}`,
        inputs: { sources: [source, import.meta.filename] },
        async gather(folder) {
          const server = join(folder, "identity");
          const [program, ...flags] = compiler;
          await execute(program, [
            ...flags,
            "-Os",
            "-s",
            "-Wall",
            "-Wextra",
            "-Werror",
            source,
            "-o",
            server,
            "-pthread",
          ]);
          return entries(server);
        },
      },
    ],
    config: {
      ...config,
      entrypoint: [kind === "scratch" ? "/identity" : "/usr/local/bin/identity"],
      exposedPorts: [8080],
    },
  };
}
