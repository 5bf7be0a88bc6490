import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Namespace } from "../namespace.ts";
import { surroundings } from "../surroundings.ts";
import { until } from "../until.ts";

export interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Until the whole answer is there; 10 s if left out. */
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the test servers answer, the originals as well as the local ones. */
export interface Identity {
  readonly from: "original" | "local";
  readonly pod?: string;
  readonly [more: string]: unknown;
}

export interface LoadOptions {
  readonly url: string;
  readonly perSecond: number;
  /** How many connections are kept and used again; a new one for each request if left out. */
  readonly keepAlive?: number;
  /** A request without a whole answer within this has failed; 10 s if left out. */
  readonly timeoutMs?: number;
}

export interface LoadFigures {
  readonly requests: number;
  readonly answered: number;
  readonly failed: number;
  /** The first 50. */
  readonly failures: readonly { readonly atMs: number; readonly time: string; readonly error: string }[];
  /** Who answered how many. */
  readonly from: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly seconds: number;
}

/** Requests at a fixed rate until `stop`. */
export interface Load {
  /** The figures so far. */
  peek(): Promise<LoadFigures>;
  /** No new requests; waits for those under way. */
  stop(): Promise<LoadFigures>;
}

/** A pod of the node image and a program in it that sends requests as we tell it. */
export class InClusterClient implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  #last = 0;
  #stderr = "";

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    child.once("close", () => {
      const error = new Error(`the client pod's program has ended: ${this.#stderr}`);
      this.#ready.reject(error);
      for (const { reject } of this.#waiting.values()) reject(error);
    });
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** One request from inside the cluster, on a connection of its own. @throws with the error of the connection. */
  async request(url: string, request: Request = {}): Promise<Answer> {
    return (await this.#ask("request", { url, ...request })) as Answer;
  }

  /** One request to a test server. @throws unless it is answered with status 200. */
  async identity(url: string, request: Request = {}): Promise<Identity> {
    const { status, body } = await this.request(url, request);
    if (status !== 200) throw new Error(`status ${status}: ${body}`);
    return JSON.parse(body) as Identity;
  }

  /**
   * Asks every 50 ms until an answer comes from there. A request that hangs does not keep the next from being sent.
   * @returns after how many ms that was.
   */
  async answeredFrom(url: string, from: Identity["from"], timeoutMs = 30_000): Promise<number> {
    const started = performance.now();
    const found: number[] = [];
    let why: Error | undefined;
    const ask = async (): Promise<void> => {
      try {
        if ((await this.identity(url, { timeoutMs: 2000 })).from === from) found.push(performance.now() - started);
      } catch (error) {
        why = error instanceof Error ? error : new Error(String(error));
      }
    };
    const look = (): number | undefined => {
      if (found.length === 0) void ask();
      // What is thrown counts as "not yet", and is told when the time is over.
      if (found.length === 0 && why !== undefined) throw why;
      return found[0];
    };
    return await until(`an answer from ${from} of ${url}`, look, { timeoutMs, everyMs: 50 });
  }

  async startLoad(options: LoadOptions): Promise<Load> {
    const load = `load-${this.#last}`;
    await this.#ask("startLoad", { load, ...options });
    return {
      peek: async () => (await this.#ask("peekLoad", { load })) as LoadFigures,
      stop: async () => (await this.#ask("stopLoad", { load })) as LoadFigures,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill();
    return Promise.resolve();
  }

  async #ask(operation: string, args: object): Promise<unknown> {
    const id = (this.#last += 1);
    const answered = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answered);
    this.#child.stdin.write(`${JSON.stringify({ id, operation, ...args })}\n`);
    return await answered.promise;
  }

  #hear(line: string): void {
    const { ready, id, result, error } = JSON.parse(line) as {
      ready?: true;
      id: number;
      result?: unknown;
      error?: string;
    };
    if (ready) return this.#ready.resolve();
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

/** Starts the pod `client` in the namespace: `await using client = await inCluster(ns)`. */
export async function inCluster(ns: Namespace): Promise<InClusterClient> {
  const container = { name: "client", image: "swap.dev/node:24", command: ["sleep", "1000000"] };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  await ns.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "client" }, spec });
  await ns.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
  const { kubectl, kubeconfig } = surroundings();
  const program = await readFile(join(import.meta.dirname, "program.mjs"), "utf8");
  const exec = ["exec", "-i", "client", "--", "node", "--input-type=module", "-e", program];
  const client = new InClusterClient(spawn(kubectl, [`--kubeconfig=${kubeconfig}`, "-n", ns.name, ...exec]));
  await client.ready;
  return client;
}
