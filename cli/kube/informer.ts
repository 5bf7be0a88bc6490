import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { SwapError } from "../../src/error.ts";
import { apiStatus } from "./api-error.ts";
import type { KubeClient, Query } from "./client.ts";

interface KubeObject {
  readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string };
}

interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

export interface UntilOptions {
  readonly signal: AbortSignal;
  /** How long to wait, in ms. */
  readonly timeoutMs: number;
  /** The error to raise when the time is over: told with what was there last. */
  readonly onTimeout: () => SwapError;
}

const firstBackoffMs = 100;
const maxBackoffMs = 3000;

/**
 * A local copy of one list of the API server, kept by list and watch
 * (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes).
 * It survives API server restarts: the list is taken again and watchers see the difference as one change.
 */
export class Informer<T extends KubeObject> implements AsyncDisposable {
  readonly #client: KubeClient;
  readonly #path: string;
  readonly #query: Query;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #onTrouble: (error: unknown) => void;
  #items = new Map<string, T>();
  #running: Promise<void> = Promise.resolve();

  private constructor(client: KubeClient, path: string, query: Query, onTrouble: (error: unknown) => void) {
    this.#client = client;
    this.#path = path;
    this.#query = query;
    this.#onTrouble = onTrouble;
  }

  /**
   * Lists once, so that `items` is complete on return, and goes on watching.
   * @param onTrouble hears each failure of the watch (it is retried); the failure of the first list is thrown instead.
   */
  static async start<T extends KubeObject>(
    client: KubeClient,
    path: string,
    options: { query?: Query; signal: AbortSignal; onTrouble: (error: unknown) => void },
  ): Promise<Informer<T>> {
    const informer = new Informer<T>(client, path, options.query ?? {}, options.onTrouble);
    const resourceVersion = await informer.#relist(options.signal);
    informer.#running = informer.#run(resourceVersion);
    return informer;
  }

  /** The objects as of the last event, by uid. */
  get items(): ReadonlyMap<string, T> {
    return this.#items;
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits until `check` returns something other than undefined, and returns it. `check` may throw to end the wait.
   * @throws the error of `onTimeout`, or the signal's reason.
   */
  async until<R>(check: (items: ReadonlyMap<string, T>) => R | undefined, options: UntilOptions): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const look = (): void => {
      try {
        const found = check(this.#items);
        if (found !== undefined) resolve(found);
      } catch (error) {
        reject(error);
      }
    };
    const onAbort = (): void => reject(options.signal.reason as Error);
    const timer = setTimeout(() => reject(options.onTimeout()), options.timeoutMs);
    options.signal.addEventListener("abort", onAbort, { once: true });
    const off = this.onChange(look);
    if (options.signal.aborted) onAbort();
    else look();
    try {
      return await promise;
    } finally {
      off();
      clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  async #relist(signal: AbortSignal): Promise<string> {
    const list = await this.#client.list<T>(this.#path, { query: this.#query, signal });
    this.#items = new Map(list.items.map((item) => [item.metadata?.uid ?? "", item]));
    this.#changed();
    return list.metadata.resourceVersion;
  }

  async #run(firstVersion: string): Promise<void> {
    const { signal } = this.#stop;
    let version: string | undefined = firstVersion;
    let backoff = firstBackoffMs;
    while (!signal.aborted) {
      try {
        version ??= await this.#relist(signal);
        backoff = firstBackoffMs;
        version = await this.#follow(version, signal);
      } catch (error) {
        if (signal.aborted) return;
        // 410 Gone: the server no longer has the history since `version`. Anything else may have lost events as well.
        version = undefined;
        if (apiStatus(error) === 410) continue;
        this.#onTrouble(error);
        await delay(backoff * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        backoff = Math.min(backoff * 2, maxBackoffMs);
      }
    }
  }

  /** Applies events until the server ends the watch; returns the version to go on from. */
  async #follow(version: string, signal: AbortSignal): Promise<string | undefined> {
    const query = { ...this.#query, watch: true, resourceVersion: version, allowWatchBookmarks: true };
    const response = await this.#client.stream(this.#path, { query, signal });
    let last: string | undefined = version;
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      const event = JSON.parse(line) as WatchEvent<T>;
      if (event.type === "ERROR") return undefined;
      last = event.object.metadata?.resourceVersion ?? last;
      if (event.type === "BOOKMARK") continue;
      const uid = event.object.metadata?.uid ?? "";
      if (event.type === "DELETED") this.#items.delete(uid);
      else this.#items.set(uid, event.object);
      this.#changed();
    }
    return last;
  }
}
