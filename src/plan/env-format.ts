import type { Environment } from "./environ.ts";

export const environmentFormats = ["dotenv", "json", "shell"] as const;
export type EnvironmentFormat = (typeof environmentFormats)[number];

export interface FormattedEnvironment {
  /** To be written by `textToBytes`, so that values that are not UTF-8 come out as they are. */
  text: string;
  /** Names that the format cannot hold: a shell exports only identifiers, an env file's names have no blanks or quotes. */
  omitted: string[];
}

/**
 * Environment variables as text that gives exactly them again: to `parseEnvFile`, to JSON.parse, or to a POSIX shell
 * that reads it. The dotenv form stays within what node's and other dotenv readers agree on wherever a value allows it.
 */
export function formatEnvironment(environment: Environment, format: EnvironmentFormat): FormattedEnvironment {
  const entries = [...environment];
  if (format === "json") return { text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`, omitted: [] };
  const isName = format === "shell" ? /^[A-Za-z_][A-Za-z0-9_]*$/ : /^[^\s=#"'`\ufeff]+$/;
  const line = format === "shell" ? shellLine : dotenvLine;
  return {
    text: entries.map(([name, value]) => (isName.test(name) ? line(name, value) : "")).join(""),
    omitted: entries.map(([name]) => name).filter((name) => !isName.test(name)),
  };
}

function shellLine(name: string, value: string): string {
  return `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`;
}

function dotenvLine(name: string, value: string): string {
  return `${name}=${dotenvValue(value)}\n`;
}

function dotenvValue(value: string): string {
  if (/^[A-Za-z0-9_./:@%+,=-]*$/.test(value)) return value;
  // readers disagree on a backslash, which some take as an escape even in single quotes, and fold \r\n into \n
  const plain = !/[\\\r]/.test(value);
  if (plain && !value.includes("'")) return `'${value}'`;
  if (plain && !/["$`]/.test(value)) return `"${value}"`;
  if (plain && !value.includes("`")) return `\`${value}\``;
  if (!value.includes("'") && !value.includes("\r") && !value.endsWith("\\")) return `'${value}'`;
  const escaped = value
    .replace(/[\\"$`]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r");
  return `"${escaped}"`;
}
