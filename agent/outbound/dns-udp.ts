import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { answers, messageId } from "./dns-message.ts";

/** Questions after which a socket is replaced, so that another port is asked from. */
const maxQuestions = 256;
/** Answers that one port waits for at once: more could come together than its receive buffer holds. */
const maxPending = 64;
/** Age at which it is, in ms: a Service leads one port to one server for as long as that port asks. */
const maxAgeMs = 10_000;

interface Pending {
  question: Buffer;
  resolve(answer: Buffer): void;
  reject(error: Error): void;
}

/** One port from which a nameserver is asked. Only what this server sends, with the right id and question, is heard. */
export class DnsUdpSocket {
  readonly #socket: Socket;
  readonly #connected: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  readonly #bornAt = performance.now();
  #questions = 0;
  #retired = false;
  #closed = false;

  constructor(server: string, port: number) {
    const connected = Promise.withResolvers<void>();
    this.#connected = connected.promise;
    this.#socket = createSocket(isIPv6(server.replace(/%.*/s, "")) ? "udp6" : "udp4");
    this.#socket.on("message", (answer) => this.#hear(answer));
    this.#socket.on("error", (error) => {
      connected.reject(error);
      this.#fail(error);
    });
    this.#socket.once("connect", () => connected.resolve());
    this.#socket.connect(port, server);
  }

  /** Whether more may be asked from here. */
  get fresh(): boolean {
    if (this.#retired || this.#questions >= maxQuestions || this.#pending.size >= maxPending) return false;
    return performance.now() - this.#bornAt < maxAgeMs;
  }

  /** Asks under an id of its own; the answer has that of the query again. Rejects on silence or failure. */
  async ask(query: Buffer, question: Buffer, timeoutMs: number): Promise<Buffer> {
    this.#questions += 1;
    let id = randomInt(0x1_0000);
    while (this.#pending.has(id)) id = randomInt(0x1_0000);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#pending.set(id, { question, resolve, reject });
    const timer = setTimeout(() => {
      this.#retired = true;
      reject(new Error("no answer in time"));
    }, timeoutMs);
    try {
      this.#connected.then(() => this.#send(id, query), reject);
      const answer = await promise;
      answer.writeUInt16BE(messageId(query), 0);
      return answer;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
      this.#closeIfDone();
    }
  }

  /** Asks no more; closes when the last answer is there. */
  retire(): void {
    this.#retired = true;
    this.#closeIfDone();
  }

  #send(id: number, query: Buffer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    const own = Buffer.from(query);
    own.writeUInt16BE(id, 0);
    this.#socket.send(own, (error) => {
      if (error) pending.reject(error);
    });
  }

  #hear(answer: Buffer): void {
    if (answer.length < 2) return;
    const id = messageId(answer);
    const pending = this.#pending.get(id);
    if (pending !== undefined && answers(answer, id, pending.question)) pending.resolve(answer);
  }

  #fail(error: Error): void {
    this.#retired = true;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (!this.#retired || this.#pending.size > 0 || this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}
