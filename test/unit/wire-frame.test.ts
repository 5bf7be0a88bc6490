import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, frameType, maxOpenBytes, maxPayload, payloadBounds } from "../../src/wire/frame.ts";
import { FrameDecoder } from "../../src/wire/frame-decoder.ts";
import { WireError } from "../../src/wire/wire-error.ts";

interface Frame {
  type: number;
  stream: number;
  payload: Buffer;
}

/** Decodes chunks; the pieces of a data frame are joined with those before them on the same stream. */
function decode(chunks: readonly Buffer[]): { frames: Frame[]; unknown: number[]; decoder: FrameDecoder } {
  const frames: Frame[] = [];
  const unknown: number[] = [];
  const decoder = new FrameDecoder({
    data: (stream, bytes) => {
      const last = frames.at(-1);
      if (last?.type === frameType.data && last.stream === stream) last.payload = Buffer.concat([last.payload, bytes]);
      else frames.push({ type: frameType.data, stream, payload: Buffer.from(bytes) });
    },
    frame: (type, stream, payload) => frames.push({ type, stream, payload: Buffer.from(payload) }),
    unknown: (type) => unknown.push(type),
  });
  for (const chunk of chunks) decoder.write(chunk);
  return { frames, unknown, decoder };
}

/** Cuts bytes at the given places, whatever they are. */
function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return sorted.slice(1).map((place, index) => bytes.subarray(sorted[index], place));
}

const anyFrame: fc.Arbitrary<Frame> = fc.constantFrom(...Object.values(frameType)).chain((type) => {
  const [min, max] = payloadBounds(type)!;
  return fc.record({
    type: fc.constant(type),
    stream: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.uint8Array({ minLength: min, maxLength: Math.min(max, 300) }).map((bytes) => Buffer.from(bytes)),
  });
});

describe("the frame codec", () => {
  test("gives back what was encoded, however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (frames, places) => {
        const bytes = Buffer.concat(frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)));
        const { frames: decoded, decoder } = decode(cutAt(bytes, places));
        // Adjacent data frames of one stream are one run of bytes; their border means nothing.
        const runs: Frame[] = [];
        for (const frame of frames) {
          const last = runs.at(-1);
          if (frame.type === frameType.data && last?.type === frameType.data && last.stream === frame.stream) {
            last.payload = Buffer.concat([last.payload, frame.payload]);
          } else runs.push({ ...frame });
        }
        expect(decoded).toEqual(runs);
        expect(decoder.inFrame).toBe(false);
      }),
    );
  });

  test("ends clearly on random bytes: frames, or a WireError, and never more held than an opening", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 8 }), (chunks) => {
        endsClearly(chunks.map((chunk) => Buffer.from(chunk)));
      }),
      { numRuns: 500 },
    );
  });

  test("ends clearly on valid frames with flipped bits or a missing tail", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        fc.nat(),
        (frames, flips, tail) => {
          const bytes = Buffer.concat(frames.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)));
          for (const flip of flips) bytes[(flip >> 3) % bytes.length]! ^= 1 << (flip & 7);
          endsClearly([bytes.subarray(0, tail % (bytes.length + 1))]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ["an opening beyond 4 KiB", frameType.open, maxOpenBytes + 1],
    ["data beyond 64 KiB", frameType.data, maxPayload + 1],
    ["empty data", frameType.data, 0],
    ["a reset without its code", frameType.reset, 3],
    ["an unknown type beyond 64 KiB", 200, 0xff_ffff],
  ])("refuses %s by its header alone", (_what, type, length) => {
    const header = Buffer.from([type, length >> 16, (length >> 8) & 255, length & 255, 0, 0, 0, 1]);
    expect(() => decode([header])).toThrow(WireError);
  });

  test("skips frames of an unknown type and goes on behind them", () => {
    const bytes = Buffer.concat([encodeFrame(99, 7, Buffer.alloc(5_000)), encodeFrame(frameType.end, 3)]);
    const { frames, unknown } = decode(cutAt(bytes, [3, 9, 4_000]));
    expect(unknown).toEqual([99]);
    expect(frames).toEqual([{ type: frameType.end, stream: 3, payload: Buffer.alloc(0) }]);
  });

  test("reads a frame that a later version made longer", () => {
    const { frames } = decode([encodeFrame(frameType.window, 1, Buffer.from([0, 0, 0, 9, 1, 2, 3]))]);
    expect(frames[0]!.payload.readUInt32BE(0)).toBe(9);
  });
});

function endsClearly(chunks: readonly Buffer[]): void {
  let delivered = 0;
  const count = (bytes: Buffer): void => {
    delivered += bytes.length;
  };
  const decoder = new FrameDecoder({
    data: (_, bytes) => count(bytes),
    frame: (_, __, bytes) => count(bytes),
    unknown: () => 0,
  });
  try {
    for (const chunk of chunks) decoder.write(chunk);
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
  }
  expect(delivered).toBeLessThanOrEqual(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
}
