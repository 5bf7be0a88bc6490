import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** `programs/driver.mjs` somewhere: it sends requests from there and takes the times there. */
export class Driver implements AsyncDisposable {
  readonly #child;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #last = 0;

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#hear(JSON.parse(line) as Reply));
    // A write after its end; the `close` tells it to whoever waits.
    this.#child.stdin.on("error", (error) => this.#end(error));
    this.#child.once("error", (error) => this.#end(error));
    this.#child.once("close", () => this.#end(new Error("the program that sends requests has ended")));
  }

  /** @returns when the program runs. */
  static async start(command: string, args: readonly string[]): Promise<Driver> {
    const driver = new Driver(command, args);
    await driver.#expect(0);
    return driver;
  }

  /** Times of requests one after the other, in ms: on one connection, or each on a new one. */
  async latency(url: string, count: number, keepAlive: boolean): Promise<number[]> {
    return (await this.#ask("latency", { url, count, keepAlive })) as number[];
  }

  /** Seconds that one transfer of that many bytes took, as seen from the driver. */
  async transfer(direction: "download" | "upload", url: string, bytes: number): Promise<number> {
    return (await this.#ask(direction, { url, bytes })) as number;
  }

  /** Asks every 20 ms until it answers who is called so. */
  async answered(url: string, from: string, timeoutMs = 60_000): Promise<void> {
    await this.#ask("answered", { url, from, timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin.end();
    this.#child.kill();
    await once(this.#child, "close");
  }

  async #ask(operation: string, args: object): Promise<unknown> {
    this.#last += 1;
    const answer = this.#expect(this.#last);
    this.#child.stdin.write(`${JSON.stringify({ id: this.#last, operation, ...args })}\n`);
    return await answer;
  }

  async #expect(id: number): Promise<unknown> {
    const answered = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answered);
    return await answered.promise;
  }

  #hear({ id, result, error }: Reply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }

  #end(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
