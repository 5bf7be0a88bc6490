/** What many samples of one thing come to. */
export interface Summary {
  readonly median: number;
  /** 99 of 100 samples are no worse; with fewer than 100 samples that is the worst of them. */
  readonly p99: number;
  readonly samples: number;
}

/** Which way is better. */
export type Better = "less" | "more";

/**
 * The smallest sample that at least this share of the samples do not exceed (nearest rank).
 * @param share above 0, up to 1
 * @throws RangeError without samples
 */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (found === undefined) throw new RangeError("there are no samples");
  return found;
}

/** The middle sample, or the mean of the two in the middle. @throws RangeError without samples */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError("there are no samples");
  return (upper + lower) / 2;
}

/** @throws RangeError without samples */
export function summarize(samples: readonly number[], better: Better): Summary {
  // The bad end of what should be much is the small one.
  const p99 = better === "less" ? quantile(samples, 0.99) : -quantile(negated(samples), 0.99);
  return { median: median(samples), p99, samples: samples.length };
}

function negated(samples: readonly number[]): number[] {
  return samples.map((sample) => -sample);
}
