import type { KeyObject } from "node:crypto";
import { parsePublicKey } from "../src/tunnel/session-key.ts";

/** All that an agent is told at its start; nothing comes by environment, which is the container's own. */
export interface AgentConfig {
  session: string;
  publicKey: KeyObject;
  /** Silence of the client after which the agent leaves, in ms. */
  graceMs: number;
  tunnelPort: number;
  healthPort: number;
}

const names = ["session", "public-key", "grace", "tunnel-port", "health-port"] as const;
type Name = (typeof names)[number];

/** Reads `--name value` or `--name=value`. A value may begin with a dash: base64url does. Throws Error with a sentence. */
export function parseConfig(argv: readonly string[]): AgentConfig {
  const values = new Map<Name, string>();
  for (let index = 0; index < argv.length; index += 1) {
    const [, key, inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(argv[index] ?? "") ?? [];
    const name = names.find((candidate) => candidate === key);
    if (name === undefined) throw new Error(`unknown argument ${JSON.stringify(argv[index])}`);
    if (values.has(name)) throw new Error(`--${name} is given twice`);
    const value = inline ?? argv[(index += 1)];
    if (value === undefined) throw new Error(`--${name} lacks its value`);
    values.set(name, value);
  }
  const text = (name: Name): string => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`--${name} is missing`);
    return value;
  };
  const session = text("session");
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(session)) throw new Error("--session is no session id");
  const publicKey = parsePublicKey(text("public-key"));
  if (publicKey === undefined) throw new Error("--public-key is not an Ed25519 key of 32 bytes in base64url");
  const config: AgentConfig = {
    session,
    publicKey,
    graceMs: wholeNumber("grace", text("grace"), 100, 7 * 24 * 3_600_000),
    tunnelPort: wholeNumber("tunnel-port", text("tunnel-port"), 1, 65_535),
    healthPort: wholeNumber("health-port", text("health-port"), 1, 65_535),
  };
  if (config.tunnelPort === config.healthPort) throw new Error("--tunnel-port and --health-port are the same");
  return config;
}

function wholeNumber(name: Name, text: string, min: number, max: number): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) throw new Error(`--${name} is not a whole number within ${min} and ${max}`);
  return value;
}
