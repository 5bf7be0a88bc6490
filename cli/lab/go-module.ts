import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A Go module of examples/kind and the programs that it gives. */
export interface GoModule {
  /** Its folder's name. */
  readonly name: string;
  /** Packages to build, each giving a program named after the last part of its path, or after `program`. */
  readonly packages: readonly string[];
  readonly program?: string;
  /** Set in the program at link time, by the name of the variable. */
  readonly variables?: (goMod: string) => Readonly<Record<string, string>>;
  /** For the user, before a first build. */
  readonly duration: string;
}

const containerd = "github.com/containerd/containerd/v2";

/** What a lab's nodes run. */
export const goModules: readonly GoModule[] = [
  {
    name: "cube",
    packages: ["."],
    program: "cube",
    variables: (goMod) => ({ "k8s.io/component-base/version.gitVersion": kubernetesVersion(goMod) }),
    duration: "6 minutes",
  },
  {
    name: "containerd",
    packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map((program) => `${containerd}/cmd/${program}`),
    variables: (goMod) => ({ [`${containerd}/version.Version`]: moduleVersion(goMod, containerd) }),
    duration: "1 minute",
  },
  { name: "coredns", packages: ["."], program: "coredns", duration: "2 minutes" },
  { name: "init", packages: ["."], program: "node-init", duration: "10 seconds" },
];

/** The version of Kubernetes that a go.mod asks for, `v1.35.4`. */
export function kubernetesVersion(goMod: string): string {
  return moduleVersion(goMod, "k8s.io/kubernetes");
}

/** The version of a required module. @throws TypeError when the go.mod does not require it */
export function moduleVersion(goMod: string, module: string): string {
  for (const line of goMod.split("\n")) {
    const [name, version] = line
      .trim()
      .replace(/^require\s+/, "")
      .split(/\s+/);
    if (name === module && version?.startsWith("v") === true) return version;
  }
  throw new TypeError(`go.mod does not require ${module}`);
}

/** The command that builds a module into a folder. */
export function buildCommand(go: string, module: GoModule, goMod: string, output: string): string[] {
  const variables = Object.entries(module.variables?.(goMod) ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const target = module.program === undefined ? `${output}/` : join(output, module.program);
  return [
    go,
    "build",
    "-v",
    "-trimpath",
    `-ldflags=${["-s", "-w", ...variables].join(" ")}`,
    "-o",
    target,
    ...module.packages,
  ];
}

/** What a build depends on, as a short name: sources, command, compiler and processor. `folder` is the module's. */
export async function buildKey(folder: string, command: readonly string[], goVersion: string): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([command, goVersion, process.arch]));
  for (const name of (await readdir(folder)).toSorted()) {
    if (!/\.go$|^go\.(mod|sum)$/.test(name)) continue;
    hash.update(`\0${name}\0`).update(await readFile(join(folder, name)));
  }
  return hash.digest("hex").slice(0, 16);
}
