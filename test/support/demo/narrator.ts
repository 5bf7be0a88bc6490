/** Tells a person what happens, on stdout. */
export interface Narrator {
  /** A new chapter. */
  chapter(title: string): void;
  /** What is about to happen, or what was learnt. */
  say(sentence: string): void;
  /** A command as one would type it. */
  command(text: string): void;
  /** A line of a program's output; `source` names a program that runs beside the others. */
  output(line: string, source?: string): void;
  good(sentence: string): void;
  bad(sentence: string): void;
}

export function narrator(out: NodeJS.WriteStream): Narrator {
  const color = out.isTTY && !process.env["NO_COLOR"];
  const paint = (code: string, text: string): string => (color ? `\u001B[${code}m${text}\u001B[0m` : text);
  const line = (text: string): void => {
    out.write(`${text}\n`);
  };
  return {
    chapter: (title) => line(`\n${paint("1;36", `== ${title}`)}`),
    say: (sentence) => line(sentence),
    command: (text) => line(`${paint("32", "$")} ${paint("1", text)}`),
    output: (text, source) => line(paint("90", `  ${source === undefined ? "" : `${source} `}│ ${text}`)),
    good: (sentence) => line(paint("32", `✓ ${sentence}`)),
    bad: (sentence) => line(paint("31", `✗ ${sentence}`)),
  };
}

/** A command line as a shell would take it. */
export function shellWords(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(" ");
}
