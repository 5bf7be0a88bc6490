import { existsSync } from "node:fs";
import { join } from "node:path";

/** The program for the inside: beside our own bundle, above its chunks, or as the source that it is made from. */
export function innerProgram(): string {
  const here = import.meta.dirname;
  const built = [join(here, "inner.js"), join(here, "../inner.js")];
  return built.find((path) => existsSync(path)) ?? join(here, "inner/main.ts");
}
