import { defineConfig } from "vitest/config";

const minutes = 60_000;

/** End-to-end files share one small machine: more at once would only wait for each other. */
const filesAtOnce = 3;

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"] } },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["test/e2e/lab.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          maxWorkers: filesAtOnce,
          testTimeout: 5 * minutes,
          hookTimeout: 5 * minutes,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // It makes and kills labs of its own, which would disturb the measurements of the others.
        test: {
          name: "lab",
          include: ["test/e2e/lab.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
