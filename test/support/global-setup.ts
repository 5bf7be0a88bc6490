import type { TestProject } from "vitest/node";
import { makeSurroundings, type MadeSurroundings } from "./make-surroundings.ts";

/** What the projects of one run share, and how many of them use it. */
interface Shared {
  readonly making: Promise<MadeSurroundings>;
  users: number;
}

// Each project loads this module anew: only the process is the same for all.
const key = Symbol.for("swap.dev/end-to-end");
const place = globalThis as typeof globalThis & { [key]?: Shared };

/** One lab and one ordinary user for the whole run, whichever projects take part in it. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const shared = (place[key] ??= { making: makeSurroundings(process.env), users: 0 });
  shared.users += 1;
  const made = await shared.making;
  project.provide("surroundings", made.surroundings);
  return async () => {
    shared.users -= 1;
    if (shared.users === 0) await made[Symbol.asyncDispose]();
  };
}
