import { basename, dirname, join } from "node:path";

/** What has to be known of the machine's files. */
export interface FileFacts {
  /** "directory", "file" (anything else that is there), or undefined. Follows symbolic links. */
  kindOf(path: string): "directory" | "file" | undefined;
  realpath(path: string): string;
  /** The developer may create entries in this folder, and programs of theirs expect to find them there afterwards. */
  isOurs(folder: string): boolean;
  /** Paths at which something is mounted. */
  readonly mountPoints: readonly string[];
}

/** A path that must exist for something to be mounted, or written, there. */
export interface WantedPath {
  readonly path: string;
  readonly kind: "directory" | "file";
}

/**
 * A folder that is replaced by a copy in which more can be put: an overlay, through which later changes below still
 * show; or a tmpfs with a bind mount of every child, where unix sockets live (they refuse connections through an
 * overlay) or something is mounted below (an overlay does not show it).
 */
export interface Replacement {
  readonly folder: string;
  readonly how: "overlay" | "binds";
  /** Paths relative to the folder. */
  readonly create: readonly WantedPath[];
}

export interface Preparation {
  /** Parents before children. */
  readonly replacements: readonly Replacement[];
  /** Paths to be created as they are: the developer's own folders are never replaced by copies. */
  readonly create: readonly WantedPath[];
}

/** Folders of unix sockets. */
const socketFolders = /^\/(run|var\/run)(\/|$)/;

/** Decides how paths that do not exist come into being without a change to the machine's own folders. */
export function planReplacements(
  wanted: readonly WantedPath[],
  facts: FileFacts,
  always: readonly string[],
): Preparation {
  const replaced = new Map<string, { how: Replacement["how"]; create: WantedPath[] }>();
  const create: WantedPath[] = [];
  const replace = (folder: string): WantedPath[] => {
    const known = replaced.get(folder);
    if (known !== undefined) return known.create;
    const hasMounts = facts.mountPoints.some((point) => point.startsWith(folder === "/" ? "/" : `${folder}/`));
    const how = folder === "/" || hasMounts || socketFolders.test(folder) ? "binds" : "overlay";
    const made = { how, create: [] as WantedPath[] } as const;
    replaced.set(folder, made);
    return made.create;
  };
  for (const folder of always) replace(facts.realpath(folder));
  const located = wanted.map((one) => locate(one, facts)).toSorted((a, b) => a.base.length - b.base.length);
  for (const { base, real, kind } of located) {
    if (base === real) continue;
    const around = [...replaced].find(([folder]) => folder !== "/" && real.startsWith(`${folder}/`));
    if (around?.[1].how === "overlay") around[1].create.push({ path: real.slice(around[0].length + 1), kind });
    else if (facts.isOurs(base)) create.push({ path: real, kind });
    else replace(base).push({ path: real.slice(base === "/" ? 1 : base.length + 1), kind });
  }
  const replacements = [...replaced]
    .map(([folder, made]) => ({ folder, ...made }))
    .toSorted((a, b) => a.folder.length - b.folder.length);
  return { replacements, create };
}

/** @returns where the path really lies, and the nearest folder above it that exists (or the path itself). */
function locate(
  { path, kind }: WantedPath,
  facts: FileFacts,
): { base: string; real: string; kind: WantedPath["kind"] } {
  const rest: string[] = [];
  let base = path;
  for (;;) {
    const found = facts.kindOf(base);
    // A file in the way of a folder, or the reverse, is replaced like a path that is missing.
    if (rest.length === 0 ? found === kind : found === "directory") break;
    rest.unshift(basename(base));
    base = dirname(base);
  }
  const real = facts.realpath(base);
  return { base: real, real: join(real, ...rest), kind };
}
