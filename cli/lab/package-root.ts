import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder of our package.json, from the sources as well as from the bundle in dist/. */
export function packageRoot(from = import.meta.dirname): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new TypeError(`no package.json above ${from}`);
  }
}
