import { toSwapError } from "../src/error.ts";
import type { Progress } from "./progress.ts";

export interface LinesOptions {
  /** Where the lines go. */
  readonly out: NodeJS.WriteStream;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

const spinnerFrames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const spinnerPeriodMs = 80;
/** A step shorter than this shows no spinner: only its line. */
const spinnerDelayMs = 150;

/** For people: one line a step with what was learnt; a spinner while it lasts where there is a terminal. */
export function linesProgress({ out, quiet, verbose, color }: LinesOptions): Progress {
  const paint = (code: number, text: string): string => (color ? `\u001B[${code}m${text}\u001B[0m` : text);
  const write = (mark: string, text: string): void => {
    out.write(`${mark} ${text}\n`);
  };
  return {
    async step(title, work) {
      let learnt = "";
      const spinner = quiet ? undefined : spin(out, () => (learnt ? `${title}: ${learnt}` : title));
      try {
        const result = await work((note) => (learnt = note));
        spinner?.stop();
        if (!quiet) write(paint(32, "✓"), learnt ? `${title}: ${learnt}` : title);
        return result;
      } catch (error) {
        spinner?.stop();
        if (!quiet && toSwapError(error).code !== "interrupted") write(paint(31, "✗"), title);
        throw error;
      }
    },
    say(sentence) {
      if (!quiet) write(paint(36, "•"), sentence);
    },
    warn(sentence) {
      write(paint(33, "!"), sentence);
    },
    detail(sentence) {
      if (verbose) write(paint(90, "·"), sentence);
    },
  };
}

function spin(out: NodeJS.WriteStream, text: () => string): { stop(): void } | undefined {
  if (!out.isTTY) return undefined;
  let frame = 0;
  let shown = false;
  const draw = (): void => {
    shown = true;
    const line = `${spinnerFrames[frame++ % spinnerFrames.length]} ${text()}`;
    out.write(`\r\u001B[K${line.slice(0, Math.max(20, out.columns - 1))}`);
  };
  let timer = setTimeout(() => {
    draw();
    timer = setInterval(draw, spinnerPeriodMs);
  }, spinnerDelayMs);
  return {
    stop() {
      clearTimeout(timer);
      if (shown) out.write("\r\u001B[K");
    },
  };
}
