import { textToBytes } from "../../src/plan/byte-text.ts";
import type { Environment } from "../../src/plan/environ.ts";

/** Node encodes what it passes to a program as UTF-8; values that are no UTF-8 come as near as that allows. */
export function processEnvironment(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    [...environment].map(([name, value]) => [name, Buffer.from(textToBytes(value)).toString("utf8")]),
  );
}
