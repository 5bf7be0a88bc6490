import { toSwapError } from "../src/error.ts";
import type { Progress } from "./progress.ts";

/** For programs (`-o json`): one JSON object a line on stderr, each with `time` and `event`. */
export function jsonProgress(out: NodeJS.WriteStream, verbose: boolean): Progress {
  const emit = (event: string, fields: Record<string, unknown>): void => {
    out.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
  };
  return {
    async step(step, work) {
      let learnt: string | undefined;
      const start = performance.now();
      const ms = (): number => Math.round(performance.now() - start);
      emit("step-started", { step });
      try {
        const result = await work((note) => (learnt = note));
        emit("step-done", { step, learnt, ms: ms() });
        return result;
      } catch (error) {
        const { code, message } = toSwapError(error);
        emit("step-failed", { step, code, message, ms: ms() });
        throw error;
      }
    },
    say: (message, fields) => emit("info", { message, ...fields }),
    warn: (message, fields) => emit("warning", { message, ...fields }),
    detail: (message) => {
      if (verbose) emit("detail", { message });
    },
  };
}
