import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const minutes = 60_000;

/** End-to-end files share one small machine: more at once would only wait for each other. */
const filesAtOnce = 3;

/** Vitest's own choice leaves a core idle, which is half of a small machine; much of these tests is waiting. */
const unitFilesAtOnce = Math.max(2, availableParallelism());

const onTheLab = {
  globalSetup: ["test/support/global-setup.ts"],
  testTimeout: 5 * minutes,
  hookTimeout: 5 * minutes,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], maxWorkers: unitFilesAtOnce } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"], maxWorkers: unitFilesAtOnce } },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["test/e2e/dead-man.test.ts", "test/e2e/lab.test.ts"],
          ...onTheLab,
          maxWorkers: filesAtOnce,
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Promises in seconds: beside others the machine would be measured, not the product.
        test: {
          name: "timed",
          include: ["test/e2e/dead-man.test.ts"],
          ...onTheLab,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // It makes and kills labs of its own, which would disturb the measurements of the others.
        test: {
          name: "lab",
          include: ["test/e2e/lab.test.ts"],
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
