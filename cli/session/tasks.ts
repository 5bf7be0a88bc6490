import { toSwapError, type SwapError } from "../../src/error.ts";

/** Work that goes on beside its starter; nobody awaits a single one, its failure is told. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  readonly #onFailure: (error: SwapError) => void;

  constructor(onFailure: (error: SwapError) => void) {
    this.#onFailure = onFailure;
  }

  add(task: Promise<void>): void {
    const told = task.catch((error: unknown) => this.#onFailure(toSwapError(error)));
    this.#running.add(told);
    void told.finally(() => this.#running.delete(told));
  }

  /** Resolves when all that runs now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }
}
