import { setTimeout as sleep } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";

/** When to stop waiting, and how to say so. */
export interface Patience {
  /** Milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Completes the sentence "… did not … within N s": what was waited for. */
  readonly what: string;
  /** Between two looks, milliseconds. */
  readonly everyMs?: number;
  readonly hint?: string;
}

/** Looks until there is something to see. What `look` throws on the way counts as "not yet" and is the cause at the end. */
export async function until<T>(look: () => Promise<T | undefined>, patience: Patience): Promise<T> {
  const deadline = Date.now() + patience.timeoutMs;
  let cause: unknown;
  for (;;) {
    if (patience.signal?.aborted) throw new SwapError("interrupted", `Interrupted while ${patience.what} was awaited.`);
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      throw new SwapError("lab", `${patience.what} was not there within ${patience.timeoutMs / 1000} s.`, {
        ...(patience.hint === undefined ? {} : { hint: patience.hint }),
        ...(cause === undefined ? {} : { cause }),
      });
    }
    await sleep(patience.everyMs ?? 20);
  }
}
