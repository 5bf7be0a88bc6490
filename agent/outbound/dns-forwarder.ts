import { failure, headerBytes, isResponse, isTruncated, opcodeOf, questionOf, rcode, rcodeOf } from "./dns-message.ts";
import { askByTcp } from "./dns-tcp.ts";
import { DnsUdpSocket } from "./dns-udp.ts";

export interface DnsForwarderOptions {
  /** Addresses, in the order of preference. */
  servers: readonly string[];
  port?: number;
  /** What one server may take for one answer in the first round, in ms. */
  timeoutMs?: number;
  /** Queries under way at once; one more is answered SERVFAIL. */
  maxQueries?: number;
}

/** Queries that are larger go by TCP at once (DNS flag day 2020: 1,232 bytes pass everywhere). */
const maxUdpQuery = 1_232;
/**
 * How often all servers are asked before there is no answer, and how much patience each time takes: the first silence is
 * mostly a lost packet (two questions from one new port race in the kernel's connection tracking).
 */
const patience: readonly number[] = [1, 3];
/** What another server may know better; a name that does not exist is an answer. */
const tryNext: readonly number[] = [rcode.serverFailure, rcode.notImplemented, rcode.refused];

/** Asks the pod's nameservers as a stub resolver does, with nothing of its own: no cache, no search list. */
export class DnsForwarder implements Disposable {
  readonly #servers: readonly string[];
  readonly #port: number;
  readonly #timeoutMs: number;
  readonly #maxQueries: number;
  readonly #sockets = new Map<string, DnsUdpSocket>();
  #queries = 0;
  #disposed = false;

  constructor({ servers, port = 53, timeoutMs = 1_000, maxQueries = 1_000 }: DnsForwarderOptions) {
    this.#servers = servers;
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    this.#maxQueries = maxQueries;
  }

  /** The answer; of our own making where there is none to be had. Undefined for what is no query. Never rejects. */
  async answer(query: Buffer): Promise<Buffer | undefined> {
    if (query.length < headerBytes || isResponse(query)) return undefined;
    if (opcodeOf(query) !== 0) return failure(query, rcode.notImplemented);
    const question = questionOf(query);
    if (question === undefined) return failure(query, rcode.formatError);
    if (this.#queries >= this.#maxQueries || this.#disposed) return failure(query, rcode.serverFailure);
    this.#queries += 1;
    try {
      return (await this.#askAll(query, question)) ?? failure(query, rcode.serverFailure);
    } finally {
      this.#queries -= 1;
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const socket of this.#sockets.values()) socket.retire();
    this.#sockets.clear();
  }

  async #askAll(query: Buffer, question: Buffer): Promise<Buffer | undefined> {
    let unwilling: Buffer | undefined;
    for (const times of patience) {
      for (const server of this.#servers) {
        if (this.#disposed) return undefined;
        const answer = await this.#ask(server, query, question, this.#timeoutMs * times);
        if (answer !== undefined && !tryNext.includes(rcodeOf(answer))) return answer;
        unwilling ??= answer;
      }
      // Silence may have been a lost packet; a refusal would come again.
      if (unwilling !== undefined) break;
    }
    return unwilling;
  }

  /** Undefined when this server has no answer for us. */
  async #ask(server: string, query: Buffer, question: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    try {
      if (query.length <= maxUdpQuery) {
        const answer = await this.#socket(server).ask(query, question, timeoutMs);
        if (!isTruncated(answer)) return answer;
      }
      return await askByTcp(server, this.#port, query, question, timeoutMs);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return undefined;
    }
  }

  #socket(server: string): DnsUdpSocket {
    let socket = this.#sockets.get(server);
    if (socket?.fresh !== true) {
      socket?.retire();
      socket = new DnsUdpSocket(server, this.#port);
      this.#sockets.set(server, socket);
    }
    return socket;
  }
}
