import { assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import {
  answeredAddresses,
  emptyAnswer,
  fitForUdp,
  readQuestion,
  readRecords,
  responseCodeOf,
} from "../../cli/immersion/dns-message.ts";
import { DnsCache } from "../../cli/immersion/outer/dns-cache.ts";
import { Resolver } from "../../cli/immersion/outer/resolver.ts";

function query(name: string, type = 1, id = 7): Buffer {
  const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

/** Answers with one A record. */
function answer(to: Buffer, address: readonly number[], ttl: number): Buffer {
  const head = emptyAnswer(to, 0);
  head.writeUInt16BE(1, 6);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, ...address]);
  return Buffer.concat([head, record]);
}

test("questions and addresses are read from messages", () => {
  const asked = query("Web.Shop.svc.cluster.local");
  expect(readQuestion(asked)).toMatchObject({ name: "web.shop.svc.cluster.local", type: 1, class: 1 });
  const records = readRecords(answer(asked, [10, 96, 0, 20], 30));
  expect(answeredAddresses(records ?? [])).toEqual(["10.96.0.20"]);
});

test("no message breaks the readers, whatever is in it", () => {
  assert(
    property(uint8Array({ maxLength: 600 }), (bytes) => {
      const message = Buffer.from(bytes);
      readQuestion(message);
      answeredAddresses(readRecords(message) ?? []);
      emptyAnswer(message, 2);
      new DnsCache().keep(message, message);
      return true;
    }),
  );
});

test("every cut of a good message is refused or read, never misread", () => {
  const whole = answer(query("a.b"), [1, 2, 3, 4], 9);
  for (let length = 0; length < whole.length; length++) {
    expect(readRecords(whole.subarray(0, length)), `${length} bytes`).toBeUndefined();
  }
});

test("an answer that is too long for UDP becomes a hint to ask by TCP", () => {
  const asked = query("many.example");
  const long = Buffer.concat([answer(asked, [1, 2, 3, 4], 9), Buffer.alloc(600)]);
  const cut = fitForUdp(asked, long);
  expect(cut.length).toBeLessThanOrEqual(512);
  expect(cut.readUInt16BE(2) & 0x0200).toBe(0x0200);
  expect(fitForUdp(asked, answer(asked, [1, 2, 3, 4], 9))).toHaveLength(asked.length + 16);
});

test("answers are kept for their TTL and no longer, with the time that is left", () => {
  let now = 0;
  const cache = new DnsCache(() => now);
  const asked = query("web.example", 1, 1);
  cache.keep(asked, answer(asked, [1, 2, 3, 4], 10));
  now = 4_000;
  const found = cache.find(query("WEB.example", 1, 99));
  expect(found?.readUInt16BE(0)).toBe(99);
  expect(readQuestion(found ?? Buffer.alloc(0))?.name).toBe("web.example");
  expect(readRecords(found ?? Buffer.alloc(0))?.[0]?.ttl).toBe(6);
  expect(cache.find(query("web.example", 28))).toBeUndefined();
  now = 10_000;
  expect(cache.find(asked)).toBeUndefined();
});

test("the cluster answers for its own names, the laptop for public names that the cluster does not know", async () => {
  const asked: string[] = [];
  const learnt: [readonly string[], boolean][] = [];
  const resolver = new Resolver({
    cluster: async (message) => {
      const { name } = readQuestion(message) ?? { name: "" };
      asked.push(`cluster ${name}`);
      return name === "web.svc.cluster.local" ? answer(message, [10, 0, 0, 1], 5) : emptyAnswer(message, 3);
    },
    laptop: async (message) => {
      asked.push(`laptop ${readQuestion(message)?.name}`);
      return answer(message, [93, 184, 216, 34], 5);
    },
    clusterDomains: ["cluster.local"],
    onAnswer: (addresses, own) => learnt.push([addresses, own]),
  });
  expect(responseCodeOf((await resolver.resolve(query("web.svc.cluster.local"))) ?? Buffer.alloc(4))).toBe(0);
  expect(responseCodeOf((await resolver.resolve(query("no.svc.cluster.local"))) ?? Buffer.alloc(4))).toBe(3);
  expect(responseCodeOf((await resolver.resolve(query("example.com"))) ?? Buffer.alloc(4))).toBe(0);
  expect(asked).toEqual([
    "cluster web.svc.cluster.local",
    "cluster no.svc.cluster.local",
    "cluster example.com",
    "laptop example.com",
  ]);
  expect(learnt[0]).toEqual([["10.0.0.1"], true]);
});

test("without any resolver the answer is a server failure", async () => {
  const broken = async (): Promise<Buffer> => {
    throw new Error("no");
  };
  const resolver = new Resolver({ cluster: broken, laptop: broken, clusterDomains: [], onAnswer: () => undefined });
  expect(responseCodeOf((await resolver.resolve(query("example.com"))) ?? Buffer.alloc(4))).toBe(2);
  expect(await resolver.resolve(Buffer.from("rubbish"))).toBeUndefined();
});
