import { setTimeout as delay } from "node:timers/promises";

/**
 * Looks again and again until there is an answer, for what nothing can be waited on.
 * @param look the answer, or undefined for not yet; what it throws is told when the time is over.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { timeoutMs = 30_000, everyMs = 100 } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let why: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      why = error;
    }
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`, { cause: why });
    await delay(everyMs);
  }
}
