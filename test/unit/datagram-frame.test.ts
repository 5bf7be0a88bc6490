import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DatagramDecoder, frameDatagram, maxDatagram } from "../../src/datagram-frame.ts";

test("datagrams come whole, however the bytes are cut, empty ones too", () => {
  const datagrams = fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 20 });
  fc.assert(
    fc.property(datagrams, fc.integer({ min: 1, max: 500 }), (sent, step) => {
      const bytes = Buffer.concat(sent.map((datagram) => Buffer.from(frameDatagram(datagram)!)));
      const heard: Buffer[] = [];
      const decoder = new DatagramDecoder((datagram) => heard.push(Buffer.from(datagram)));
      for (let at = 0; at < bytes.length; at += step) decoder.write(bytes.subarray(at, at + step));
      expect(heard).toEqual(sent.map((datagram) => Buffer.from(datagram)));
    }),
  );
});

test("the largest datagram fits, and one byte more does not", () => {
  const largest = Buffer.alloc(maxDatagram, 7);
  const heard: number[] = [];
  const decoder = new DatagramDecoder((datagram) => heard.push(datagram.length));
  decoder.write(frameDatagram(largest)!);
  expect(heard).toEqual([maxDatagram]);
  expect(frameDatagram(Buffer.alloc(maxDatagram + 1))).toBeUndefined();
});
