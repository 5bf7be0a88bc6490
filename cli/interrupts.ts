import { SwapError } from "../src/error.ts";
import type { Interrupts } from "./io.ts";

const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Takes over the process's interrupt signals until disposed. */
export function catchInterrupts(target: NodeJS.Process): Interrupts & Disposable {
  const controller = new AbortController();
  const listeners = new Set<(signal: NodeJS.Signals) => void>();
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const listener of listeners) listener(signal);
    if (!controller.signal.aborted) controller.abort(new SwapError("interrupted", `interrupted by ${signal}`));
  };
  for (const signal of signals) target.on(signal, onSignal);
  return {
    signal: controller.signal,
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    [Symbol.dispose]() {
      for (const signal of signals) target.off(signal, onSignal);
    },
  };
}
