import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { version } from "../../src/version.ts";

test("both sides say the version of package.json", async () => {
  const text = await readFile(join(import.meta.dirname, "../../package.json"), "utf8");
  expect(version).toBe((JSON.parse(text) as { version: string }).version);
});
