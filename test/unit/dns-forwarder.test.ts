import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { DnsForwarder } from "../../agent/outbound/dns-forwarder.ts";
import { answers, failure, messageId, questionOf, rcodeOf } from "../../agent/outbound/dns-message.ts";
import { parseNameservers } from "../../agent/outbound/resolv-conf.ts";
import { serveDns } from "../../agent/outbound/dns.ts";
import { DatagramStream } from "../../src/datagram-stream.ts";
import { memoryPair } from "../contract/pairs.ts";
import { tunnel } from "../contract/tunnel.ts";
import { answerTo, dnsServer, query } from "../support/dns-server.ts";

vi.setConfig({ testTimeout: 30_000 });

const local = { servers: ["127.0.0.1"] };

describe("the DNS forwarder", () => {
  test("answers with what the nameserver says, under the asker's id", async () => {
    await using server = await dnsServer((asked) => [answerTo(asked, { tail: "data" })]);
    using forwarder = new DnsForwarder({ ...local, port: server.port });
    const asked = query(0x1234, "db.shop.svc.cluster.local");
    expect(await forwarder.answer(asked)).toEqual(answerTo(asked, { tail: "data" }));
  });

  test("keeps many queries of one id apart", async () => {
    await using server = await dnsServer((asked) => [answerTo(asked, { tail: "data" })]);
    using forwarder = new DnsForwarder({ ...local, port: server.port });
    const asked = Array.from({ length: 200 }, (_, index) => query(7, `name-${index}.local`));
    const heard = await Promise.all(asked.map((one) => forwarder.answer(one)));
    expect(heard).toEqual(asked.map((one) => answerTo(one, { tail: "data" })));
  });

  test("drops answers of another id or question, and what is no answer", async () => {
    await using server = await dnsServer((asked) => {
      const otherId = answerTo(asked);
      otherId.writeUInt16BE(messageId(asked) ^ 1, 0);
      const otherName = answerTo(query(messageId(asked), "evil.local"), { tail: "bad" });
      return [Buffer.alloc(0), Buffer.alloc(5), asked, otherId, otherName, answerTo(asked, { tail: "good" })];
    });
    using forwarder = new DnsForwarder({ ...local, port: server.port });
    const asked = query(9, "good.local");
    expect(await forwarder.answer(asked)).toEqual(answerTo(asked, { tail: "good" }));
  });

  test("takes an answer whose question is in other letters", async () => {
    await using server = await dnsServer((asked) => [
      answerTo(Buffer.from(asked.toString("latin1").replace("mixed", "MIXED"), "latin1")),
    ]);
    using forwarder = new DnsForwarder({ ...local, port: server.port });
    expect(rcodeOf((await forwarder.answer(query(1, "mixed.local")))!)).toBe(0);
  });

  test("asks by TCP what was truncated, and at once what is long", async () => {
    const whole = "x".repeat(20_000);
    await using server = await dnsServer((asked, protocol) => [
      protocol === "udp" ? answerTo(asked, { truncated: true }) : answerTo(asked, { tail: whole }),
    ]);
    using forwarder = new DnsForwarder({ ...local, port: server.port });
    expect((await forwarder.answer(query(1, "large.local")))!.length).toBeGreaterThan(20_000);
    expect(server.queries).toEqual({ udp: 1, tcp: 1 });
    const long = Buffer.concat([query(2, "long.local"), Buffer.alloc(2_000)]);
    expect(await forwarder.answer(long)).toBeDefined();
    expect(server.queries).toEqual({ udp: 1, tcp: 2 });
  });

  test("asks the next server when one is silent, refuses or is not there", async () => {
    await using silent = await dnsServer(() => []);
    await using unwilling = await dnsServer((asked) => [answerTo(asked, { rcode: 5 })], "127.0.0.2", silent.port);
    await using good = await dnsServer((asked) => [answerTo(asked, { tail: "good" })], "127.0.0.4", silent.port);
    // Nobody is at 127.0.0.3.
    const servers = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"];
    using forwarder = new DnsForwarder({ servers, port: silent.port, timeoutMs: 100 });
    const asked = query(3, "somewhere.local");
    expect(await forwarder.answer(asked)).toEqual(answerTo(asked, { tail: "good" }));
    expect([silent.queries.udp, unwilling.queries.udp, good.queries.udp]).toEqual([1, 1, 1]);
  });

  test("takes the word that a name does not exist as an answer", async () => {
    await using server = await dnsServer((asked) => [answerTo(asked, { rcode: 3 })]);
    using forwarder = new DnsForwarder({ servers: ["127.0.0.1", "127.0.0.9"], port: server.port });
    expect(rcodeOf((await forwarder.answer(query(4, "no.local")))!)).toBe(3);
    expect(server.queries.udp).toBe(1);
  });

  test("says SERVFAIL when nobody answers, after each was asked twice, and under load beyond its bound", async () => {
    await using server = await dnsServer(() => []);
    using forwarder = new DnsForwarder({ ...local, port: server.port, timeoutMs: 200, maxQueries: 3 });
    const asked = query(5, "silence.local");
    const held = Array.from({ length: 3 }, () => forwarder.answer(asked));
    const begun = performance.now();
    expect(await forwarder.answer(asked)).toEqual(failure(asked, 2));
    expect(performance.now() - begun).toBeLessThan(150);
    expect(await Promise.all(held)).toEqual([failure(asked, 2), failure(asked, 2), failure(asked, 2)]);
    expect(server.queries.udp).toBe(6);
  });

  test("asks from another port now and then, and after a silence", async () => {
    let silent = true;
    await using server = await dnsServer((asked) => (silent ? [] : [answerTo(asked)]));
    using forwarder = new DnsForwarder({ ...local, port: server.port, timeoutMs: 50 });
    await forwarder.answer(query(1, "a.local"));
    expect(server.ports.size).toBe(2);
    silent = false;
    for (let count = 0; count < 300; count += 1) await forwarder.answer(query(1, "b.local"));
    expect(server.ports.size).toBe(4);
  });

  test("says what it cannot forward: other opcodes, other than one question, no query at all", async () => {
    using forwarder = new DnsForwarder({ ...local, port: 9 });
    const update = query(1, "a.local");
    update[2] = 5 << 3;
    expect(rcodeOf((await forwarder.answer(update))!)).toBe(4);
    const two = query(1, "a.local");
    two[5] = 2;
    expect(rcodeOf((await forwarder.answer(two))!)).toBe(1);
    expect(await forwarder.answer(answerTo(two))).toBeUndefined();
    expect(await forwarder.answer(Buffer.alloc(11))).toBeUndefined();
  });

  test("of any bytes answers with the query's id, or not at all", async () => {
    await using server = await dnsServer((asked) => [answerTo(asked)]);
    using forwarder = new DnsForwarder({ ...local, port: server.port, timeoutMs: 300 });
    const damaged = fc
      .tuple(fc.nat(0xffff), fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 4 }), fc.nat(40))
      .map(([id, changes, cut]) => {
        const message = query(id, "some.name.local");
        for (const [at, value] of changes) if (at < message.length) message[at] = value;
        return message.subarray(0, Math.max(0, message.length - cut));
      });
    const any = fc.oneof(
      damaged,
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(any, async (message) => {
        const answer = await forwarder.answer(Buffer.from(message));
        if (answer !== undefined) expect([messageId(answer), answer[2]! & 0x80]).toEqual([messageId(message), 0x80]);
      }),
      { numRuns: 500 },
    );
  });
});

test("a DNS stream carries many queries, and their answers as they come", async () => {
  await using server = await dnsServer((asked) => [answerTo(asked, { tail: "data" })]);
  using forwarder = new DnsForwarder({ ...local, port: server.port });
  await using pair = memoryPair();
  const ends = tunnel(pair);
  const heard = new Map<number, Buffer>();
  const asker = new DatagramStream(
    ends.client.open({ kind: "dns" }),
    { onDatagram: (answer) => void heard.set(messageId(answer), Buffer.from(answer)), onClose: () => undefined },
    { max: 1 << 20, used: 0 },
  );
  serveDns(await ends.accepted(), forwarder, { max: 1 << 20, used: 0 });
  const asked = Array.from({ length: 50 }, (_, id) => query(id, `name-${id}.local`));
  for (const one of asked) asker.send(one);
  asker.send(Buffer.from("no query"));
  await expect.poll(() => heard.size).toBe(50);
  expect([...heard.entries()].toSorted(([a], [b]) => a - b).map(([, answer]) => answer)).toEqual(
    asked.map((one) => answerTo(one, { tail: "data" })),
  );
});

describe("a DNS question", () => {
  test("of any bytes is within the message or none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const message = Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), bytes]);
        const question = questionOf(message);
        if (question === undefined) return;
        expect(question.length).toBeLessThanOrEqual(bytes.length);
        const [name, rest] = [question.subarray(0, -4), question.subarray(-4)];
        const original = Buffer.from(bytes).subarray(0, question.length);
        expect(rest).toEqual(original.subarray(-4));
        const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
        expect(name.toString("latin1")).toBe(lower(original.subarray(0, -4).toString("latin1")));
      }),
    );
  });

  test("is answered by a bare header only with an error", () => {
    const asked = query(5, "a.local");
    const question = questionOf(asked)!;
    const bare = (code: number): Buffer => Buffer.from([0, 5, 0x81, code, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([answers(bare(1), 5, question), answers(bare(0), 5, question)]).toEqual([true, false]);
  });
});

test.each([
  ["nameserver 10.96.0.10\nsearch a b\noptions ndots:5\n", ["10.96.0.10"]],
  [
    "# nameserver 1.1.1.1\nnameserver\t1.2.3.4 \nnameserver fe80::1%eth0\nnameserver nonsense\n",
    ["1.2.3.4", "fe80::1%eth0"],
  ],
  [
    "nameserver 1.1.1.1\r\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
    ["1.1.1.1", "2.2.2.2", "3.3.3.3"],
  ],
  ["", ["127.0.0.1"]],
])("nameservers of %j", (text, servers) => {
  expect(parseNameservers(text)).toEqual(servers);
});
