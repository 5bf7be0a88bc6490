import { summarize, type Better, type Summary } from "./statistics.ts";

/** Ways to the same server, measured in turns. */
export const paths = ["swap", "portForward", "direct"] as const;
export type Path = (typeof paths)[number];
export type Samples = Readonly<Partial<Record<Path, readonly number[]>>>;

/** What is measured, and what it should come to. */
export interface Measure {
  readonly name: string;
  readonly unit: string;
  readonly better: Better;
  /** Of the median of the swap: an absolute limit, or one as a multiple of the port-forward's median. */
  readonly target?: { readonly of: "swap" | "ratio"; readonly limit: number };
}

export interface Metric extends Measure {
  readonly figures: Readonly<Partial<Record<Path, Summary>>>;
  /** Median of the swap by the median of the port-forward. */
  readonly ratio?: number;
  readonly met?: boolean;
}

/** Sums the samples up and holds them against the target. */
export function judge(measure: Measure, samples: Samples): Metric {
  const entries = paths.flatMap((path) => {
    const taken = samples[path];
    return taken === undefined || taken.length === 0 ? [] : [[path, summarize(taken, measure.better)] as const];
  });
  const figures: Partial<Record<Path, Summary>> = Object.fromEntries(entries);
  const { swap, portForward } = figures;
  const ratio = swap && portForward && portForward.median > 0 ? swap.median / portForward.median : undefined;
  const met = isMet(measure, measure.target?.of === "ratio" ? ratio : swap?.median);
  return { ...measure, figures, ...(ratio === undefined ? {} : { ratio }), ...(met === undefined ? {} : { met }) };
}

function isMet({ target, better }: Measure, value: number | undefined): boolean | undefined {
  if (target === undefined || value === undefined) return undefined;
  return better === "less" ? value <= target.limit : value >= target.limit;
}
