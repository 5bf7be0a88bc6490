/** How a command tells what it is doing. Everything goes to stderr; `cli/progress-*.ts` are its forms. */
export interface Progress {
  /**
   * Shows `title` while `work` runs, then leaves one line: the title and the last note that `work` gave
   * (what was learnt). On failure the line says so and the error goes on to the caller.
   */
  step<T>(title: string, work: (note: (learnt: string) => void) => Promise<T>): Promise<T>;
  /** Something worth a line of its own. `fields` reach the reader of `-o json` beside the sentence. */
  say(sentence: string, fields?: Record<string, unknown>): void;
  /** Something that the user should act on; shown with --quiet as well. */
  warn(sentence: string, fields?: Record<string, unknown>): void;
  /** Shown with -v only. */
  detail(sentence: string): void;
}
