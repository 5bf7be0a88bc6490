import type { LabDependencies } from "./lab.ts";
export async function ensureBinaries(_d: LabDependencies): Promise<{ bin: string; version: string }> {
  return { bin: "/tmp/build", version: "v1.35.4" };
}
