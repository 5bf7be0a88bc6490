import { createHash } from "node:crypto";

/** Labels of names are at most this long, and so is a hostname made of a pod's name (RFC 1123). */
const longestLabel = 63;

/** The API server puts this many random characters behind a generateName. */
const generatedSuffixLength = 5;

/**
 * The `generateName` of a workload's agent pods: `<workload>-swap-`, cut so that the generated name, which is also the
 * pod's hostname, stays within 63 characters.
 */
export function agentPodPrefix(workload: string): string {
  return agentPodName(workload, "x".repeat(generatedSuffixLength)).slice(0, -generatedSuffixLength);
}

/** `<workload>-swap-<suffix>` within 63 characters: the workload's part is cut where need be, never the suffix. */
export function agentPodName(workload: string, suffix: string): string {
  const room = longestLabel - "-swap-".length - suffix.length;
  const base = workload.slice(0, room).replace(/[-.]+$/, "");
  return `${base}-swap-${suffix}`;
}

/** A workload as a label value: `kind.name` in lower case, cut and ended by a hash where it exceeds 63 characters. */
export function workloadLabel(workload: { kind: string; name: string }): string {
  const full = `${workload.kind.toLowerCase()}.${workload.name}`;
  if (full.length <= longestLabel) return full;
  const hash = createHash("sha256").update(full).digest("hex").slice(0, 10);
  return `${full.slice(0, longestLabel - hash.length - 1).replace(/[-._]+$/, "")}-${hash}`;
}

/** The first of `wanted`, `wanted-2`, `wanted-3`, … that is not taken. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count += 1) name = `${wanted}-${count}`;
  return name;
}
