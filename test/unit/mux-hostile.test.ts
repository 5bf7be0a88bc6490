import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { baseWindow, encodeFrame, frameType, maxCredit } from "../../src/wire/frame.ts";
import { encodeStreamOpen } from "../../src/wire/stream-open.ts";
import { Mux } from "../../src/tunnel/mux.ts";
import type { MuxEnd } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { tcpPair } from "../contract/pairs.ts";

const openControl = (id: number): Buffer => encodeFrame(frameType.open, id, encodeStreamOpen({ kind: "control" }));
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** An agent's mux whose client says exactly these bytes and reads nothing. */
async function hear(
  bytes: Buffer,
): Promise<{ end: Promise<MuxEnd>; mux: Mux; streams: MuxStream[] } & AsyncDisposable> {
  const pair = await tcpPair();
  const end = Promise.withResolvers<MuxEnd>();
  const streams: MuxStream[] = [];
  const onStream = (stream: MuxStream): void => {
    streams.push(stream);
    // A holder that never consumes.
    stream.attach({
      onData: () => undefined,
      onEnd: () => stream.end(),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  };
  const mux = new Mux(pair.accepted, { role: "agent", heartbeat: false, onStream, onClose: end.resolve });
  pair.dialled.on("error", () => undefined);
  pair.dialled.end(bytes);
  return { end: end.promise, mux, streams, [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() };
}

describe("a mux with a hostile peer", () => {
  test.each([
    [
      "more data than credit",
      [openControl(1), encodeFrame(frameType.data, 1, Buffer.alloc(baseWindow + 1))],
      "more data than credit",
    ],
    [
      "data after the end",
      [openControl(1), encodeFrame(frameType.end, 1), encodeFrame(frameType.data, 1, Buffer.from("x"))],
      undefined,
    ],
    ["two ends", [openControl(1), encodeFrame(frameType.end, 1), encodeFrame(frameType.end, 1)], undefined],
    ["a stream opened twice", [openControl(1), openControl(1)], "cannot be opened"],
    ["a stream of the other side's numbers", [openControl(2)], "cannot be opened"],
    ["the stream 0", [openControl(0)], "cannot be opened"],
    ["an opening that is no JSON", [encodeFrame(frameType.open, 1, Buffer.from("{{"))], "not JSON"],
    ["credit beyond bounds", [openControl(1), encodeFrame(frameType.window, 1, number(maxCredit))], "too much credit"],
    [
      "settings twice",
      [encodeFrame(frameType.settings, 0, number(9_000)), encodeFrame(frameType.settings, 0, number(9_000))],
      "settings",
    ],
    ["settings without credit", [encodeFrame(frameType.settings, 0, number(0))], "settings"],
    ["a frame too long", [Buffer.from([frameType.data, 255, 255, 255, 0, 0, 0, 1])], "announces"],
  ])("ends on %s, and says so", async (_what, frames, message) => {
    await using heard = await hear(Buffer.concat(frames));
    const end = await heard.end;
    expect(end.how).toBe("gone");
    // Data after both sides have ended belongs to no stream and is ignored: then the connection's own end is the end.
    if (message !== undefined && end.how === "gone") expect(end.error.message).toContain(message);
  });

  test("ignores what belongs to no stream, and refuses a kind that it does not know", async () => {
    await using heard = await hear(
      Buffer.concat([
        encodeFrame(frameType.data, 9, Buffer.from("x")),
        encodeFrame(frameType.reset, 9, number(1)),
        encodeFrame(frameType.open, 11, Buffer.from('{"kind":"dance"}')),
        openControl(13),
      ]),
    );
    await heard.end;
    expect(heard.streams.map(({ id }) => id)).toEqual([13]);
  });

  test("does not gather answers for a peer that floods it and does not read", async () => {
    const pair = await tcpPair();
    await using _pair = pair;
    const end = Promise.withResolvers<MuxEnd>();
    const mux = new Mux(pair.accepted, {
      role: "agent",
      heartbeat: false,
      onStream: () => undefined,
      onClose: end.resolve,
    });
    pair.dialled.on("error", () => undefined);
    const pings = Buffer.concat(Array.from({ length: 4_096 }, () => encodeFrame(frameType.ping, 0, Buffer.alloc(8))));
    let most = 0;
    const flood = (): void => {
      most = Math.max(most, mux.outbox.waiting);
      if (!pair.dialled.destroyed) pair.dialled.write(pings, () => setImmediate(flood));
    };
    flood();
    const ended = await end.promise;
    expect(ended.how === "gone" && ended.error.message).toContain("does not read");
    expect(most).toBeLessThan(12 << 20);
  });

  test("comes to a clear end on any bytes", async () => {
    const frame = fc
      .tuple(fc.constantFrom(...Object.values(frameType), 77), fc.nat(6), fc.uint8Array({ maxLength: 30 }))
      .map(([type, stream, payload]) => encodeFrame(type, stream, payload));
    const valid = fc.nat(9).map((index) => openControl(index * 2 + 1));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(frame, valid), { maxLength: 30 }), async (frames) => {
        await using heard = await hear(Buffer.concat(frames));
        const end = await heard.end;
        expect(["gone", "closed"]).toContain(end.how);
        expect(heard.streams.every(({ closed }) => closed !== undefined)).toBe(true);
        expect(heard.mux.budget.promised).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
