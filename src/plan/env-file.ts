import { SwapError } from "../error.ts";
import type { Environment } from "./environ.ts";

/** One assignment's beginning: what follows the equals sign is read by `readValue`. */
const assignment = /[ \t]*(?:export[ \t]+)?([^\s=#"'`]+)[ \t]*=[ \t]*/y;
const nothing = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
const unquoted = /[^\n]*/y;

const escapes: Record<string, string> = { n: "\n", r: "\r", '"': '"', "\\": "\\", $: "$", "`": "`" };

/**
 * Reads a dotenv file: NAME=VALUE lines, an optional `export`, comments; values unquoted (trimmed, a comment begins
 * with ` #`), in single quotes or backticks (as they are) or in double quotes (`\n \r \" \\ \$` and a backtick stand for
 * themselves; other backslashes stay). Quoted values may span lines. Nothing is expanded. The last of a name counts.
 *
 * @throws SwapError usage with the line's number
 */
export function parseEnvFile(text: string): Environment {
  const source = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const environment = new Map<string, string>();
  let at = 0;
  while (at < source.length) {
    const blank = match(nothing, source, at);
    if (blank !== undefined) {
      at += blank[0].length;
      continue;
    }
    const start = match(assignment, source, at);
    const name = start?.[1];
    if (start === undefined || name === undefined) throw wrong(source, at, "expected NAME=VALUE");
    const { value, end } = readValue(source, at + start[0].length);
    if (value.includes("\0")) throw wrong(source, at, `${name} contains a NUL character`);
    environment.set(name, value);
    at = end;
  }
  return environment;
}

function readValue(source: string, at: number): { value: string; end: number } {
  const quote = source[at];
  if (quote === '"' || quote === "'" || quote === "`") {
    const close = closingQuote(source, at, quote);
    const inside = source.slice(at + 1, close);
    const rest = match(nothing, source, close + 1);
    if (rest === undefined) throw wrong(source, close, "unexpected text after the closing quote");
    const value =
      quote === '"' ? inside.replace(/\\([nr"\\$`])/g, (_, character: string) => escapes[character] ?? "") : inside;
    return { value, end: close + 1 + rest[0].length };
  }
  const line = match(unquoted, source, at)?.[0] ?? "";
  const value = line.replace(/(?:^|[ \t]+)#.*$/, "").trim();
  return { value, end: at + line.length + 1 };
}

function closingQuote(source: string, open: number, quote: string): number {
  for (let at = open + 1; at < source.length; at += 1) {
    if (source[at] === quote) return at;
    if (quote === '"' && source[at] === "\\") at += 1;
  }
  throw wrong(source, open, `the quote ${quote} is never closed`);
}

function match(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}

function wrong(source: string, at: number, what: string): SwapError {
  const line = source.slice(0, at).split("\n").length;
  return new SwapError("usage", `the environment file is wrong in line ${line}: ${what}`, {
    hint: "write NAME=VALUE lines; put values with spaces or # in quotes",
  });
}
