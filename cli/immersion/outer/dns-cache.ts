import { readQuestion, readRecords, recordType, responseCode, responseCodeOf } from "../dns-message.ts";

interface Entry {
  readonly answer: Buffer;
  readonly at: number;
  readonly ttlMs: number;
}

const maxEntries = 2_000;
/** "No such name" is kept no longer than this: a developer may be about to create it. */
const negativeMs = 5_000;

/** Answers of resolvers, for as long as their TTL says and no longer. */
export class DnsCache {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** @param now milliseconds of a steady clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns a new message with the query's id and the TTLs that are left. */
  find(query: Buffer): Buffer | undefined {
    const key = keyOf(query);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return undefined;
    const age = this.#now() - entry.at;
    if (age >= entry.ttlMs) {
      this.#entries.delete(key);
      return undefined;
    }
    const answer = Buffer.from(entry.answer);
    query.copy(answer, 0, 0, 2);
    // Queries may spell a name in mixed case (draft-vixie-dnsext-dns0x20) and want it back like that.
    const question = readQuestion(query);
    if (question) query.copy(answer, 12, 12, question.end);
    for (const { type, ttlAt, ttl } of readRecords(answer) ?? []) {
      if (type !== recordType.opt) answer.writeUInt32BE(Math.max(0, ttl - Math.floor(age / 1000)), ttlAt);
    }
    return answer;
  }

  keep(query: Buffer, answer: Buffer): void {
    const key = keyOf(query);
    const ttlMs = lifetime(answer);
    if (key === undefined || ttlMs <= 0) return;
    this.#entries.delete(key);
    if (this.#entries.size >= maxEntries) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, { answer: Buffer.from(answer), at: this.#now(), ttlMs });
  }
}

/** Everything of a query that may change its answer: all but its id and the spelling of the name. */
function keyOf(query: Buffer): string | undefined {
  const question = readQuestion(query);
  if (question === undefined || query.length > 1_024) return undefined;
  return `${question.name} ${query.toString("latin1", 2, 12)}${query.toString("latin1", question.end - 4)}`;
}

function lifetime(answer: Buffer): number {
  const records = readRecords(answer);
  const code = responseCodeOf(answer);
  const truncated = ((answer[2] ?? 0) & 0x02) !== 0;
  if (records === undefined || truncated) return 0;
  if (code !== responseCode.noError && code !== responseCode.nameError) return 0;
  const real = records.filter(({ type }) => type !== recordType.opt);
  const least = Math.min(...real.map(({ ttl }) => ttl)) * 1000;
  if (records.some(({ section }) => section === "answer")) return least;
  return real.some(({ type }) => type === recordType.soa) ? Math.min(negativeMs, least) : 0;
}
