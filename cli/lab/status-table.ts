import type { LabStatus } from "./lab.ts";

/** A lab's status for people, in lines. `now` is milliseconds since the epoch. */
export function statusTable(status: LabStatus, now = Date.now()): string {
  const { name, provider, version, api, kubeconfig, created, healthy, nodes, components } = status;
  const facts = [
    ["lab", `${name} (${provider})`],
    ["health", healthy ? "well" : "not well: `swap lab up` completes it"],
    ["kubernetes", version],
    ["api", api],
    ["kubeconfig", kubeconfig],
    ["age", age(created, now)],
    ...nodes.map((node) => [
      "node",
      `${node.name} ${node.address}${node.pid === undefined ? " not running" : ` pid ${node.pid}`}`,
    ]),
  ];
  const rows = components.map(({ node, name: component, state, since, restarts, lastExit }) => [
    node,
    component,
    state,
    since === undefined ? "-" : age(since, now),
    String(restarts),
    lastExit ?? "",
  ]);
  const table = rows.length === 0 ? [] : [["NODE", "COMPONENT", "STATE", "AGE", "RESTARTS", "LAST EXIT"], ...rows];
  return [...columns(facts), ...(table.length > 0 ? ["", ...columns(table)] : []), ""].join("\n");
}

/** Rows of cells as lines of aligned columns. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Time since then in its largest whole unit, as kubectl has it. */
function age(since: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(since)) / 1000);
  if (!Number.isFinite(seconds)) return "-";
  if (seconds < 120) return `${Math.max(0, seconds)}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
