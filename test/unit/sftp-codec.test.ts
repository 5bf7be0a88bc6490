import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PacketDecoder } from "../../src/sftp/packet-decoder.ts";
import { type Attributes, PacketReader } from "../../src/sftp/packet-reader.ts";
import { PacketWriter } from "../../src/sftp/packet-writer.ts";
import { maxPacket } from "../../src/sftp/protocol.ts";
import { WireError } from "../../src/wire/wire-error.ts";

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    size: fc.maxSafeNat(),
    owner: fc.record({ uid: uint32, gid: uint32 }, { noNullPrototype: true }),
    mode: uint32,
    times: fc.record({ atime: uint32, mtime: uint32 }, { noNullPrototype: true }),
  },
  { requiredKeys: [], noNullPrototype: true },
);

function cut(bytes: Buffer, step: number, write: (part: Buffer) => void): void {
  for (let at = 0; at < bytes.length; at += step) write(bytes.subarray(at, at + step));
}

describe("SFTP packets", () => {
  test("come whole, however they are cut and wherever the reader pauses", () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 5 }), (sent, step, every) => {
        const bytes = Buffer.concat(
          sent.map((body) => {
            const packet = Buffer.alloc(4 + body.length);
            packet.writeUInt32BE(body.length);
            packet.set(body, 4);
            return packet;
          }),
        );
        const heard: Buffer[] = [];
        let paused = false;
        const decoder = new PacketDecoder((packet) => {
          expect(paused).toBe(false);
          heard.push(Buffer.from(packet));
          if (heard.length % every === 0) {
            decoder.pause();
            paused = true;
          }
        });
        cut(bytes, step, (part) => {
          decoder.write(part);
          while (paused) {
            paused = false;
            decoder.resume();
          }
        });
        expect(heard).toEqual(sent.map((body) => Buffer.from(body)));
      }),
    );
  });

  test.each([0, maxPacket + 1, 0xffff_ffff])("of a length of %d are refused before they are there", (length) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    const whole = new PacketDecoder(() => 0);
    expect(() => whole.write(head)).toThrow(WireError);
    const cutOne = new PacketDecoder(() => 0);
    expect(() => cut(head, 1, (part) => cutOne.write(part))).toThrow(WireError);
  });

  test("give back what was written, and nothing beyond", () => {
    fc.assert(
      fc.property(uint32, fc.maxSafeNat(), fc.uint8Array({ maxLength: 500 }), attributes, (id, offset, bytes, told) => {
        const packet = new PacketWriter(7, id).uint64(offset).bytes(bytes).attributes(told).finish();
        expect(packet.readUInt32BE(0)).toBe(packet.length - 4);
        const reader = new PacketReader(packet, 5);
        expect(reader.uint32()).toBe(id);
        expect(reader.uint64()).toBe(offset);
        expect(reader.bytes()).toEqual(Buffer.from(bytes));
        expect(reader.attributes()).toEqual(told);
        expect(() => reader.uint32()).toThrow(WireError);
      }),
    );
  });

  test("of any bytes are read to a value or a WireError", () => {
    const readers: ((reader: PacketReader) => unknown)[] = [
      (reader) => reader.bytes(),
      (reader) => reader.uint64(),
      (reader) => reader.attributes(),
      (reader) => reader.text(),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(fc.constantFrom(...readers)), (bytes, calls) => {
        const reader = new PacketReader(Buffer.from(bytes), 0);
        try {
          for (const call of calls) call(reader);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
