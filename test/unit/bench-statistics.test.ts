import { describe, expect, test } from "vitest";
import { judge, type Measure } from "../bench/metric.ts";
import { plot } from "../bench/plot.ts";
import { median, quantile, summarize } from "../bench/statistics.ts";
import { formatTable } from "../bench/table.ts";

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

describe("statistics", () => {
  test.each([
    [[3], 3],
    [[4, 1], 2.5],
    [[9, 1, 5], 5],
    [[10, 9, 1, 2], 5.5],
  ])("the median of %j is %d", (samples, expected) => expect(median(samples)).toBe(expected));

  test.each([
    [0.5, 50],
    [0.99, 99],
    [1, 100],
    [0.001, 1],
  ])("of 1 to 100 the quantile %d is %d", (share, expected) => expect(quantile(hundred, share)).toBe(expected));

  test("numbers are ordered as numbers", () => expect(quantile([10, 9, 100], 0.5)).toBe(10));

  test("the p99 is at the bad end: the slow one of times, the low one of speeds", () => {
    expect(summarize(hundred, "less")).toEqual({ median: 50.5, p99: 99, samples: 100 });
    expect(summarize(hundred, "more")).toEqual({ median: 50.5, p99: 2, samples: 100 });
    expect(summarize([7, 5, 6], "more").p99).toBe(5);
  });

  test("nothing measured is an error and not a figure", () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => summarize([], "less")).toThrow(RangeError);
  });
});

describe("a metric", () => {
  const times: Measure = { name: "request", unit: "ms", better: "less", target: { of: "ratio", limit: 1.3 } };
  const speeds: Measure = { name: "throughput", unit: "MB/s", better: "more", target: { of: "ratio", limit: 1 } };

  test.each([
    { measure: times, swap: 13, portForward: 10, met: true },
    { measure: times, swap: 14, portForward: 10, met: false },
    { measure: speeds, swap: 10, portForward: 10, met: true },
    { measure: speeds, swap: 9, portForward: 10, met: false },
  ])("$measure.name: $swap beside $portForward meets its target: $met", ({ measure, swap, portForward, met }) => {
    const metric = judge(measure, { swap: [swap], portForward: [portForward], direct: [1] });
    expect(metric).toMatchObject({ met, ratio: swap / portForward });
  });

  test("an absolute target needs no port-forward, and a ratio is not made up without one", () => {
    const absolute: Measure = { ...times, target: { of: "swap", limit: 3000 } };
    expect(judge(absolute, { swap: [2999] })).toMatchObject({ met: true });
    expect(judge(absolute, { swap: [3001] })).toMatchObject({ met: false });
    expect(judge(times, { swap: [1] })).not.toHaveProperty("ratio");
    expect(judge(times, { swap: [1] })).not.toHaveProperty("met");
  });
});

describe("what is shown", () => {
  const metrics = [
    judge(
      { name: "a < b & c", unit: "ms", better: "less", target: { of: "ratio", limit: 1.3 } },
      {
        swap: [2, 4],
        portForward: [1],
        direct: [0.5],
      },
    ),
    judge({ name: "restore", unit: "ms", better: "less" }, { swap: [1234] }),
  ];

  test("the table says every median, p99, ratio, target and verdict", () => {
    const [, , first, second] = formatTable(metrics).split("\n");
    expect(first?.split(/ {2,}/)).toEqual([
      "a < b & c, ms",
      "3.00 (4.00)",
      "1.00 (1.00)",
      "0.50 (0.50)",
      "3.00 ×",
      "≤ 1.3 ×",
      "NO",
    ]);
    expect(second?.trim().split(/ {2,}/)).toEqual(["restore, ms", "1234 (1234)"]);
  });

  test("the plot is well-formed XML with a bar for each figure, the longest as wide as the scale", () => {
    const svg = plot(metrics, "by <us>");
    expect(svg).toContain("a &lt; b &amp; c");
    expect(svg).toContain("by &lt;us&gt;");
    // Three keys of the legend, and four medians.
    expect(svg.match(/<rect /g)).toHaveLength(3 + 4);
    const widths = [...svg.matchAll(/<rect class="\w+" x="128" y="\d+" width="([\d.]+)"/g)].map(([, text]) =>
      Number(text),
    );
    expect(widths).toEqual([324, 108, 54, 432]);
    expect(svg).toContain("3.00 ×, target ≤ 1.3 ×: missed");
  });
});
