import { paths, type Metric, type Path } from "./metric.ts";
import type { Summary } from "./statistics.ts";
import { formatNumber, formatTarget, pathNames } from "./table.ts";

const width = 760;
const left = 24;
const barsFrom = 128;
const barsTo = 560;
const barHeight = 14;
const barStep = 19;
const titleHeight = 24;
const gap = 16;
const top = 62;
const footHeight = 34;

/**
 * Bars of the medians with whiskers to the p99, a group for each metric on a scale of its own, as an SVG image. Its
 * colours are legible on light and on dark ground, and follow the reader's preference where the viewer tells it.
 * @param foot one line beneath: when and on what it was measured
 */
export function plot(metrics: readonly Metric[], foot: string): string {
  let y = top;
  const groups = metrics.map((metric) => {
    const { text, height } = group(metric, y);
    y += height + gap;
    return text;
  });
  const height = y + footHeight - gap;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">swap beside kubectl port-forward and direct access: medians and 99th percentiles</title>
<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #24292f }
.small { font-size: 11px }
.number { font-variant-numeric: tabular-nums }
.swap { fill: #1f7aec } .portForward { fill: #9a8560 } .direct { fill: #7d8590 }
.whisker { stroke: #57606a; stroke-width: 1.2; fill: none }
.target { stroke: #cf3f4f; stroke-width: 1.4; stroke-dasharray: 3 2 }
.met { fill: #1a7f37 } .missed { fill: #cf3f4f }
@media (prefers-color-scheme: dark) {
text, .small { fill: #9198a1 } .title { fill: #e6edf3 } .whisker { stroke: #b1bac4 } .met { fill: #3fb950 } .missed { fill: #f47067 }
}
</style>
${legend()}
${groups.join("\n")}
<text class="small" x="${left}" y="${height - 12}">${escape(foot)}</text>
</svg>
`;
}

function legend(): string {
  const keys = paths.map((path, index) => {
    const x = left + index * 118;
    return `<rect class="${path}" x="${x}" y="14" width="12" height="12" rx="2"/><text x="${x + 18}" y="24">${pathNames[path]}</text>`;
  });
  const marks = `<text class="small" x="${left}" y="44">bar: median · whisker: to the worst 1 % · dashed: target</text>`;
  return [...keys, marks].join("\n");
}

function group(metric: Metric, y: number): { text: string; height: number } {
  const shown = paths.flatMap((path) => {
    const summary = metric.figures[path];
    return summary === undefined ? [] : [{ path, summary }];
  });
  const limit = targetValue(metric);
  const most = Math.max(...shown.map(({ summary }) => Math.max(summary.median, summary.p99)), limit ?? 0);
  const scale = (value: number): number => (most === 0 ? 0 : (value / most) * (barsTo - barsFrom));
  const bars = shown.map(({ path, summary }, index) => bar(path, summary, y + titleHeight + index * barStep, scale));
  const height = titleHeight + shown.length * barStep;
  const goal = metric.better === "less" ? "less is better" : "more is better";
  const title = `<text class="title" x="${left}" y="${y + 12}">${escape(metric.name)} <tspan class="small" font-weight="400">${escape(metric.unit)}, ${goal}</tspan></text>`;
  return { text: [title, verdict(metric, y + 12), ...bars, targetLine(limit, y, height, scale)].join("\n"), height };
}

function bar(path: Path, { median, p99 }: Summary, y: number, scale: (value: number) => number): string {
  const middle = y + barHeight / 2;
  const from = barsFrom + scale(median);
  const to = barsFrom + scale(p99);
  return [
    `<text class="small" x="${barsFrom - 10}" y="${middle + 4}" text-anchor="end">${pathNames[path]}</text>`,
    `<rect class="${path}" x="${barsFrom}" y="${y}" width="${Math.max(1, scale(median)).toFixed(1)}" height="${barHeight}" rx="2"/>`,
    `<path class="whisker" d="M${from.toFixed(1)} ${middle}H${to.toFixed(1)}M${to.toFixed(1)} ${middle - 4}v8"/>`,
    `<text class="small number" x="${barsTo + 14}" y="${middle + 4}">${formatNumber(median)} (${formatNumber(p99)})</text>`,
  ].join("");
}

function verdict(metric: Metric, y: number): string {
  if (metric.target === undefined) return "";
  const ratio = metric.target.of === "ratio" && metric.ratio !== undefined ? `${metric.ratio.toFixed(2)} ×, ` : "";
  const mark = metric.met === true ? "met" : "missed";
  return `<text class="small ${mark}" x="${width - left}" y="${y}" text-anchor="end">${escape(`${ratio}target ${formatTarget(metric)}: ${mark}`)}</text>`;
}

/** Where the target lies on the scale of the metric. */
function targetValue({ target, figures }: Metric): number | undefined {
  if (target === undefined) return undefined;
  if (target.of === "swap") return target.limit;
  return figures.portForward && target.limit * figures.portForward.median;
}

function targetLine(limit: number | undefined, y: number, height: number, scale: (value: number) => number): string {
  if (limit === undefined) return "";
  const x = (barsFrom + scale(limit)).toFixed(1);
  return `<path class="target" d="M${x} ${y + titleHeight - 4}V${y + height}"/>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
