import { describe, expect, test } from "vitest";
import { SwapError, toSwapError } from "../../src/error.ts";

describe("what the user hears of an error", () => {
  test("is the error itself when it is meant for users", () => {
    const error = new SwapError("usage", "no workload is named");
    expect(toSwapError(error)).toBe(error);
  });

  test("is a bug of ours when nobody expected it", () => {
    const error = toSwapError(new TypeError("x is undefined"));
    expect([error.code, error.message, error.exitStatus]).toEqual(["bug", "x is undefined", 125]);
    expect(toSwapError("thrown text").message).toBe("thrown text");
  });

  test("is what went wrong first when the clean-up failed as well", async () => {
    const first = new SwapError("interrupted", "interrupted by SIGINT");
    const act = async (): Promise<void> => {
      await using _resource = { [Symbol.asyncDispose]: () => Promise.reject(new Error("the clean-up failed")) };
      throw first;
    };
    const thrown = await act().catch((error: unknown) => error);
    expect(toSwapError(thrown)).toBe(first);
  });

  test.each([
    ["command-not-runnable", 126],
    ["command-not-found", 127],
    ["interrupted", 130],
    ["refused", 125],
  ] as const)("%s ends with status %i", (code, status) => {
    expect(new SwapError(code, "…").exitStatus).toBe(status);
  });
});
