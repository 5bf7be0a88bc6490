import { readFile, rename, writeFile } from "node:fs/promises";
import { SwapError } from "../../src/error.ts";
import { orMissing } from "./missing.ts";
import { labPaths } from "./paths.ts";

/** What is remembered of a lab. The processes are not in it: the cgroups know them, whoever was killed when. */
export interface LabRecord {
  readonly name: string;
  readonly nodes: number;
  readonly apiPort: number;
  /** Version of Kubernetes, `v1.35.4`. */
  readonly version: string;
  /** Folder with the lab's programs. */
  readonly bin: string;
  /** ISO 8601. */
  readonly created: string;
}

/** The record of the lab, `undefined` when there is no such lab. @throws SwapError `lab` when the record is damaged */
export async function readRecord(name: string): Promise<LabRecord | undefined> {
  const path = labPaths(name).record;
  const text = await orMissing(readFile(path, "utf8"));
  if (text === undefined) return undefined;
  const damaged = (cause?: unknown): SwapError =>
    new SwapError("lab", `${path} is damaged.`, { hint: `Remove the lab: swap lab down --name ${name}`, cause });
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw damaged(cause);
  }
  if (!isRecord(record)) throw damaged();
  return record;
}

/** Writes the record whole or not at all. */
export async function writeRecord(record: LabRecord): Promise<void> {
  const path = labPaths(record.name).record;
  await writeFile(`${path}.new`, JSON.stringify(record, null, 2), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function isRecord(value: unknown): value is LabRecord {
  if (typeof value !== "object" || value === null) return false;
  const field = (name: string): unknown => Reflect.get(value, name);
  return (
    ["name", "version", "bin", "created"].every((name) => typeof field(name) === "string") &&
    ["nodes", "apiPort"].every((name) => Number.isInteger(field(name)))
  );
}
