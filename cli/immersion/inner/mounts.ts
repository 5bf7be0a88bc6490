import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  type Dirent,
} from "node:fs";
import { readlinkSync, realpathSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rootPath, type FilesPlan } from "../plan-files.ts";
import { mount, mountFlag, pivotRoot, unmount } from "./libc.ts";
import { planReplacements, type FileFacts, type Replacement, type WantedPath } from "./replacements.ts";

/** Shows the pod's /etc files and makes the mount points of its volumes. @throws SystemError */
export function mountFiles(plan: FilesPlan): void {
  const wanted: WantedPath[] = [
    ...plan.volumes.map(({ path, kind }) => ({ path, kind })),
    { path: rootPath, kind: "directory" },
  ];
  const { replacements, create } = planReplacements(wanted, fileFacts(), ["/etc", "/run"]);
  for (const path of create) createPath(path.path, path.kind);
  using stage = openStage();
  const made = replacements.map((replacement, index) => prepare(replacement, join(stage.path, `${index}`)));
  const etc = made.find(({ folder }) => folder === realpathSync("/etc"));
  for (const [name, text] of Object.entries(plan.etc)) {
    // A symbolic link here (resolv.conf of systemd-resolved) is covered, not followed: the upper layer is empty.
    if (etc) writeFileSync(join(etc.content, name), text, { mode: 0o644 });
  }
  // Until here /proc shows the processes outside, which mountinfo needs no longer.
  mount("proc", "/proc", "proc", mountFlag.noSuid | mountFlag.noDev | mountFlag.noExec);
  for (const folder of made.toReversed()) show(folder);
}

interface Prepared extends Replacement {
  readonly at: string;
  /** Where new entries are put. */
  readonly content: string;
}

function prepare(replacement: Replacement, at: string): Prepared {
  const content = replacement.how === "overlay" ? join(at, "upper") : at;
  mkdirSync(at);
  if (replacement.how === "binds") mount("tmpfs", at, "tmpfs", 0, "mode=755");
  else for (const folder of ["upper", "work", "merged"]) mkdirSync(join(at, folder), { mode: 0o755 });
  for (const { path, kind } of replacement.create) createPath(join(content, path), kind);
  return { ...replacement, at, content };
}

function show({ folder, how, at, content }: Prepared): void {
  if (how === "overlay") {
    const merged = join(at, "merged");
    const options = `lowerdir=${folder},upperdir=${content},workdir=${join(at, "work")},userxattr`;
    mount("overlay", merged, "overlay", 0, options);
    mount(merged, folder, null, mountFlag.move);
    return;
  }
  bindChildren(folder, content);
  if (folder === "/") enterRoot(content);
  else mount(content, folder, null, mountFlag.move);
}

/** Shows every child of `folder` that `into` does not have. */
function bindChildren(folder: string, into: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const from = join(folder, entry.name);
    const at = join(into, entry.name);
    if (existsSync(at)) {
      // Ours holds mount points; what the machine has beside them must still show.
      if (entry.isDirectory() && statSync(at).isDirectory()) bindChildren(from, at);
      continue;
    }
    try {
      bindChild(entry, from, at);
    } catch (error) {
      // What the developer may not reach (root's folders, a stale mount), what has just gone, and names that are no
      // text are not missed.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
}

function bindChild(entry: Dirent, from: string, at: string): void {
  if (entry.isSymbolicLink()) return symlinkSync(readlinkSync(from), at);
  if (entry.isDirectory()) mkdirSync(at);
  else writeFileSync(at, "");
  mount(from, at, null, mountFlag.bind | mountFlag.recursive);
}

function enterRoot(root: string): void {
  mkdirSync(join(root, ".old"));
  pivotRoot(root, join(root, ".old"));
  process.chdir("/");
  unmount("/.old");
  rmdirSync("/.old");
}

/** Folders that exist everywhere and mean nothing to a developer: nothing is left behind by covering one for a moment. */
const stages = ["/sys/kernel/debug", "/sys/kernel/config", "/sys/fs/cgroup"];

/** A tmpfs in which the replacements are made. They live on when it is taken away. */
function openStage(): { readonly path: string } & Disposable {
  const quiet = stages.find((folder) => existsSync(folder));
  const path = quiet ?? mkdtempSync("/tmp/.swap-");
  mount("tmpfs", path, "tmpfs", mountFlag.noSuid | mountFlag.noDev, "mode=755");
  return {
    path,
    [Symbol.dispose]() {
      unmount(path);
      if (quiet === undefined) rmdirSync(path);
    },
  };
}

function createPath(path: string, kind: WantedPath["kind"]): void {
  mkdirSync(kind === "directory" ? path : dirname(path), { recursive: true });
  if (kind === "file") writeFileSync(path, "", { flag: "a" });
}

function fileFacts(): FileFacts {
  const mountinfo = readFileSync("/proc/self/mountinfo", "utf8");
  const isRoot = process.getuid?.() === 0;
  const home = process.env["HOME"] ?? "/nowhere";
  return {
    mountPoints: mountinfo.split("\n").flatMap((line) => line.split(" ")[4] ?? []),
    realpath: (path) => realpathSync(path),
    kindOf(path) {
      const found = statSync(path, { throwIfNoEntry: false });
      return found === undefined ? undefined : found.isDirectory() ? "directory" : "file";
    },
    isOurs(folder) {
      // Root may write everywhere: its own are the home and the folders of everybody.
      if (isRoot) return `${folder}/`.startsWith(`${home}/`) || (statSync(folder).mode & 0o1000) !== 0;
      try {
        accessSync(folder, constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
  };
}
