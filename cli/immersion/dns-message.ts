/** One question of a DNS message (RFC 1035, 4.1.2). */
export interface DnsQuestion {
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Where the records after it begin. */
  readonly end: number;
}

export const recordType = { a: 1, aaaa: 28, soa: 6, opt: 41 } as const;
export const responseCode = { noError: 0, serverFailure: 2, nameError: 3, refused: 5 } as const;

const headerBytes = 12;
const maxName = 255;

/** The one question of a query or an answer; undefined for anything else, such as a message cut short. */
export function readQuestion(message: Buffer): DnsQuestion | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // Questions come first, so that nothing could be referred to by a compressed name.
    if (length === undefined || length > 63 || at - headerBytes > maxName) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length));
    at += length;
  }
  if (at + 4 > message.length) return undefined;
  const name = labels.join(".").toLowerCase();
  return { name, type: message.readUInt16BE(at), class: message.readUInt16BE(at + 2), end: at + 4 };
}

export interface DnsRecord {
  readonly section: "answer" | "authority" | "additional";
  readonly type: number;
  readonly ttlAt: number;
  readonly ttl: number;
  /** Valid as long as the message. */
  readonly data: Buffer;
}

/** The records of a message; undefined when it is malformed. */
export function readRecords(message: Buffer): DnsRecord[] | undefined {
  const question = readQuestion(message);
  if (question === undefined) return undefined;
  const records: DnsRecord[] = [];
  let at = question.end;
  const sections = ["answer", "authority", "additional"] as const;
  for (const [index, section] of sections.entries()) {
    for (let left = message.readUInt16BE(6 + 2 * index); left > 0; left--) {
      const start = skipName(message, at);
      if (start === undefined || start + 10 > message.length) return undefined;
      const end = start + 10 + message.readUInt16BE(start + 8);
      if (end > message.length) return undefined;
      const [type, ttl] = [message.readUInt16BE(start), message.readUInt32BE(start + 4)];
      records.push({ section, type, ttlAt: start + 4, ttl, data: message.subarray(start + 10, end) });
      at = end;
    }
  }
  return records;
}

/** The addresses that a message answers with. */
export function answeredAddresses(records: readonly DnsRecord[]): string[] {
  return records.flatMap(({ section, type, data }) => {
    if (section !== "answer") return [];
    if (type === recordType.a && data.length === 4) return [data.join(".")];
    if (type !== recordType.aaaa || data.length !== 16) return [];
    return [Array.from({ length: 8 }, (_, index) => data.readUInt16BE(2 * index).toString(16)).join(":")];
  });
}

export function responseCodeOf(message: Buffer): number {
  return (message[3] ?? 0) & 0x0f;
}

/** An answer without records. */
export function emptyAnswer(query: Buffer, code: number): Buffer {
  const question = readQuestion(query);
  const answer = Buffer.from(query.subarray(0, question?.end ?? headerBytes));
  if (answer.length < headerBytes) return answer;
  // QR and RA, with the query's opcode and RD.
  answer.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x7900) | code, 2);
  answer.writeUInt16BE(question === undefined ? 0 : 1, 4);
  answer.fill(0, 6, headerBytes);
  return answer;
}

const plainUdpBytes = 512;

/** The answer as it may go out by UDP: whole, or cut down to a hint to ask by TCP (RFC 1035, 4.2.1; RFC 6891, 6.2.5). */
export function fitForUdp(query: Buffer, answer: Buffer): Buffer {
  const option = readRecords(query)?.find(({ type }) => type === recordType.opt);
  // The class field of an OPT record, before its TTL, is the size.
  const size = option === undefined ? plainUdpBytes : Math.max(plainUdpBytes, query.readUInt16BE(option.ttlAt - 2));
  if (answer.length <= size) return answer;
  const cut = emptyAnswer(query, responseCodeOf(answer));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  return cut;
}

function skipName(message: Buffer, from: number): number | undefined {
  for (let at = from; at - from <= maxName;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    at += 1 + length;
    if (length === 0) return at;
  }
  return undefined;
}
