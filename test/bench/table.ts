import { paths, type Metric, type Path } from "./metric.ts";
import type { Summary } from "./statistics.ts";

/** How the paths are called in tables and plots. */
export const pathNames: Readonly<Record<Path, string>> = {
  swap: "swap",
  portForward: "port-forward",
  direct: "direct",
};

/** A table for people: median and p99 of each path, the ratio to the port-forward, the target. */
export function formatTable(metrics: readonly Metric[]): string {
  const head = ["median (p99)", ...paths.map((path) => pathNames[path]), "ratio", "target", "met"];
  const rows = metrics.map((metric) => [
    `${metric.name}, ${metric.unit}`,
    ...paths.map((path) => formatSummary(metric.figures[path])),
    metric.ratio === undefined ? "" : `${metric.ratio.toFixed(2)} ×`,
    formatTarget(metric),
    metric.met === undefined ? "" : metric.met ? "yes" : "NO",
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  ");
  return [line(head), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

/** As `≤ 1.3 ×`; empty without a target. */
export function formatTarget({ target, better, unit }: Metric): string {
  if (target === undefined) return "";
  return `${better === "less" ? "≤" : "≥"} ${target.limit} ${target.of === "ratio" ? "×" : unit}`;
}

function formatSummary(summary: Summary | undefined): string {
  return summary === undefined ? "" : `${formatNumber(summary.median)} (${formatNumber(summary.p99)})`;
}

/** Three digits that matter. */
export function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
