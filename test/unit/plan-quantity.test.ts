import { describe, expect, it } from "vitest";
import { formatBytes, parseQuantity } from "../../src/plan/quantity.ts";

describe("a resource quantity", () => {
  it.each([
    ["64Mi", 67_108_864],
    ["1Gi", 1_073_741_824],
    ["128974848", 128_974_848],
    ["129e6", 129_000_000],
    ["129M", 129_000_000],
    ["1E", 1e18],
    ["1E2", 100],
    [".5", 0.5],
    ["1.5Ki", 1536],
    ["100m", 0.1],
  ])("%s is %d", (text, value) => {
    expect(parseQuantity(text)).toBeCloseTo(value, 9);
  });

  it.each(["", "Mi", "64mi", "1 Gi", "1KiB", "0x10", "1.2.3"])("%j is none", (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it("is printed in mebibytes where they are whole", () => {
    expect(formatBytes(2 ** 26)).toBe("64Mi");
    expect(formatBytes(1000)).toBe("1000");
  });
});
