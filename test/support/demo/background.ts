import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** How long a program has to end when it is told to; a swap restores the workload in that time. */
const politeMs = 60_000;

/** A program that runs beside the demo. Disposing ends it. */
export class Background implements AsyncDisposable {
  /** Exit status; undefined where a signal ended it. */
  readonly exited: Promise<number | undefined>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #heard = Promise.withResolvers<void>();
  #ended = false;

  /** @param onLine hears every line of its stdout and stderr */
  constructor(child: ChildProcess, onLine: (line: string) => void) {
    this.#child = child;
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    this.exited = promise;
    child.once("close", (code) => {
      this.#ended = true;
      resolve(code ?? undefined);
      this.#wake();
    });
    child.once("error", (error) => this.#lines.push(String(error)));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        onLine(line);
        this.#lines.push(line);
        this.#wake();
      });
    }
  }

  /** Waits until a line matches. @throws Error when it ends or the time is over before that, or with the signal's reason */
  async says(pattern: RegExp, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const late = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      signal.throwIfAborted();
      if (this.#lines.some((line) => pattern.test(line))) return;
      if (this.#ended) throw new Error(`it ended before it said ${pattern}`);
      if (late.aborted) throw new Error(`it did not say ${pattern} within ${timeoutMs / 1_000} s`);
      const woken = new AbortController();
      await Promise.race([
        this.#heard.promise,
        delay(timeoutMs, undefined, { signal: AbortSignal.any([late, woken.signal]) }).catch(() => undefined),
      ]);
      woken.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), politeMs);
    await this.exited;
    clearTimeout(timer);
  }

  #wake(): void {
    this.#heard.resolve();
    this.#heard = Promise.withResolvers<void>();
  }
}
