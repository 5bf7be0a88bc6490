import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAgentStatus } from "../../src/wire/agent-status.ts";
import { parseAgentMessage, parseClientMessage } from "../../src/wire/control-message.ts";
import {
  encodeHandshake,
  parseClientHello,
  parseHello,
  parseVerdict,
  transcriptBytes,
} from "../../src/wire/handshake-message.ts";
import { LineDecoder } from "../../src/wire/line-decoder.ts";
import { encodeStreamOpen, parseStreamOpen, type StreamOpen } from "../../src/wire/stream-open.ts";
import { WireError } from "../../src/wire/wire-error.ts";

const text = (max: number): fc.Arbitrary<string> => fc.string({ maxLength: max, unit: "binary" });
const port = fc.integer({ min: 1, max: 65_535 });
const id = fc.integer({ min: 0, max: 0xffff_ffff });

const anyOpen: fc.Arbitrary<StreamOpen> = fc.oneof(
  fc.constant({ kind: "control" as const }),
  fc.constant({ kind: "environment" as const }),
  fc.record({ kind: fc.constantFrom("dns" as const, "world" as const, "sftp" as const) }),
  fc.record(
    { kind: fc.constant("dial" as const), host: text(60), port, confirm: fc.boolean() },
    { requiredKeys: ["kind", "host", "port"] },
  ),
  fc.record(
    { kind: fc.constant("udp" as const), host: text(60), port, idleMs: fc.integer({ min: 10, max: 3_600_000 }) },
    { requiredKeys: ["kind", "host", "port"] },
  ),
  fc.record({
    kind: fc.constantFrom("inbound" as const, "inbound-udp" as const),
    port,
    remoteAddress: text(60),
    remotePort: fc.nat(65_535),
  }),
);
const anyClientMessage = fc.oneof(
  fc.record(
    {
      type: fc.constant("listen"),
      id,
      port,
      protocol: fc.constantFrom("tcp", "udp"),
      address: fc.constantFrom("any", "loopback"),
    },
    { requiredKeys: ["type", "id", "port"] },
  ),
  fc.record({ type: fc.constant("unlisten"), id }),
  fc.record({ type: fc.constant("ready"), ready: fc.boolean() }),
  fc.record(
    { type: fc.constant("quit"), reason: text(500), drainMs: fc.nat(3_600_000) },
    { requiredKeys: ["type", "reason"] },
  ),
);
const anyAgentMessage = fc.oneof(
  fc.record({ type: fc.constant("listening"), id }),
  fc.record({ type: fc.constant("listen-failed"), id, code: text(30), message: text(500) }),
  fc.record({ type: fc.constant("terminating"), signal: text(15) }),
  fc.record({ type: fc.constant("quitting"), reason: text(500) }),
);

describe("messages", () => {
  test("come back as they were sent", () => {
    fc.assert(
      fc.property(anyOpen, (open) => {
        expect(parseStreamOpen(encodeStreamOpen(open))).toEqual(open);
      }),
    );
    fc.assert(
      fc.property(anyClientMessage, (sent) => {
        expect(parseClientMessage(JSON.stringify(sent))).toEqual(sent);
      }),
    );
    fc.assert(
      fc.property(anyAgentMessage, (sent) => {
        expect(parseAgentMessage(JSON.stringify(sent))).toEqual(sent);
      }),
    );
  });

  test("lose the fields that this version does not know", () => {
    expect(parseClientMessage('{"type":"unlisten","id":4,"soon":true}')).toEqual({ type: "unlisten", id: 4 });
    expect(parseStreamOpen(Buffer.from('{"kind":"control","x":1}'))).toEqual({ kind: "control" });
  });

  test("are skipped when their type is not known", () => {
    expect(parseClientMessage('{"type":"dance"}')).toBeUndefined();
    expect(parseAgentMessage('{"type":"dance"}')).toBeUndefined();
    expect(parseStreamOpen(Buffer.from('{"kind":"dance"}'))).toBeUndefined();
    expect(parseClientHello('{"type":"dance"}')).toBeUndefined();
    expect(parseVerdict('{"type":"dance"}')).toBeUndefined();
    expect(parseHello('{"magic":"SSH-2.0"}')).toBeUndefined();
  });

  test.each([
    '{"type":"listen","id":1,"port":0}',
    '{"type":"listen","id":1,"port":65536}',
    '{"type":"listen","id":1,"port":80.5}',
    '{"type":"listen","id":"1","port":80}',
    '{"type":"listen","id":-1,"port":80}',
    '{"type":"listen","id":1,"port":80,"protocol":"sctp"}',
    '{"type":"listen","id":1,"port":80,"address":"10.0.0.1"}',
    '{"type":"ready","ready":1}',
    `{"type":"quit","reason":"${"x".repeat(2_000)}"}`,
    '{"type":"quit","reason":"bye","drainMs":-5}',
    '{"type":["listen"]}',
    "[]",
    "null",
    "7",
    "{",
    "",
  ])("are refused when a field is not as agreed: %s", (line) => {
    expect(() => parseClientMessage(line)).toThrow(WireError);
  });

  test("of any JSON or any bytes end as a message, nothing or a WireError", () => {
    const parsers = [
      parseClientMessage,
      parseAgentMessage,
      parseHello,
      parseClientHello,
      parseVerdict,
      parseAgentStatus,
    ];
    const types = ["listen", "unlisten", "ready", "quit", "listening", "listen-failed", "prove", "refused"];
    const anyFields = fc.record({
      type: fc.oneof(fc.constantFrom(...types), fc.jsonValue()),
      magic: fc.constantFrom("swap-agent", 1),
      id: fc.jsonValue(),
      port: fc.jsonValue(),
      nonce: fc.jsonValue(),
      protocol: fc.jsonValue(),
      version: fc.jsonValue(),
    });
    const lines = fc.oneof(
      fc.json(),
      fc.string(),
      anyFields.map((fields) => JSON.stringify(fields)),
    );
    fc.assert(
      fc.property(lines, fc.constantFrom(...parsers), (line, parse) => {
        try {
          parse(line);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("of the handshake keep their bytes", () => {
    const nonce = Buffer.alloc(32, 0xfb);
    const hello = { magic: "swap-agent", protocol: 1, version: "0.1.0", nonce } as const;
    expect(parseHello(encodeHandshake(hello))).toEqual(hello);
    const proof = {
      type: "prove",
      protocol: 1,
      version: "1",
      session: "s",
      nonce,
      signature: Buffer.alloc(64, 1),
    } as const;
    expect(parseClientHello(encodeHandshake(proof))).toEqual(proof);
    expect(() => parseHello(encodeHandshake({ ...hello, nonce: Buffer.alloc(31) }))).toThrow(WireError);
  });

  test("of two different handshakes are never signed as the same bytes", () => {
    const party = fc.record({ protocol: fc.nat(30), version: text(3), nonce: fc.constant(Buffer.alloc(32)) });
    const transcript = fc.record({
      agent: party,
      client: fc.tuple(party, text(3)).map(([p, session]) => ({ ...p, session })),
    });
    fc.assert(
      fc.property(transcript, transcript, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        expect(transcriptBytes(one).equals(transcriptBytes(other))).toBe(same);
      }),
    );
  });
});

describe("lines", () => {
  test("come whole, however they are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 50 }).map((line) => line.replaceAll("\n", " "))),
        fc.integer({ min: 1, max: 20 }),
        (lines, step) => {
          const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
          const heard: string[] = [];
          const decoder = new LineDecoder(500, (line) => heard.push(line));
          for (let at = 0; at < bytes.length; at += step) decoder.write(bytes.subarray(at, at + step));
          expect(heard).toEqual(lines);
        },
      ),
    );
  });

  test("are refused beyond their bound before they end", () => {
    const decoder = new LineDecoder(10, () => 0);
    decoder.write(Buffer.from("0123456789"));
    expect(() => decoder.write(Buffer.from("x"))).toThrow(WireError);
  });
});
