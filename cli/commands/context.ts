import type { Io } from "../io.ts";
import type { Progress } from "../progress.ts";

/** What every command gets. */
export interface CommandContext {
  readonly io: Io;
  readonly progress: Progress;
  /** Sets the exit status of the whole program, which is 0 otherwise. */
  readonly exit: (status: number) => void;
}
