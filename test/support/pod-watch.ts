import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { V1Pod } from "@kubernetes/client-node";
import type { Namespace } from "./namespace.ts";
import { surroundings } from "./surroundings.ts";

/** One change of one pod, in the order of the API server. */
export interface PodEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly pod: V1Pod;
  /** performance.now() at which it was heard. */
  readonly at: number;
}

/** Everything that happens to the pods of a namespace, from the beginning of the watch. */
export class PodWatch implements AsyncDisposable {
  readonly events: PodEvent[] = [];
  readonly #child: ChildProcess;
  readonly #pods = new Map<string, V1Pod>();
  readonly #listeners = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.#child = child;
    if (!child.stdout) throw new TypeError("the watch has no stdout");
    createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
  }

  /** The pods that are there now. */
  get pods(): readonly V1Pod[] {
    return [...this.#pods.values()];
  }

  /** Waits until the pods are as wanted: the first value but undefined, null and false. */
  async until<T>(
    what: string,
    look: (pods: readonly V1Pod[]) => T | undefined | null | false,
    timeoutMs = 60_000,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = look(this.pods);
      if (found !== undefined && found !== null && found !== false) return found;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${what} did not happen within ${timeoutMs} ms; there are:\n${this.table()}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, left);
      this.#listeners.add(resolve);
      await promise;
      this.#listeners.delete(resolve);
      clearTimeout(timer);
    }
  }

  /** The pods in lines, for messages. */
  table(): string {
    return this.pods
      .map(({ metadata, status }) => `  ${metadata?.name} ${status?.phase} ${JSON.stringify(metadata?.labels)}`)
      .join("\n");
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    return Promise.resolve();
  }

  #hear(line: string): void {
    const { type, object } = JSON.parse(line) as { type: PodEvent["type"] | "BOOKMARK" | "ERROR"; object: V1Pod };
    if (type === "BOOKMARK" || type === "ERROR") return;
    const uid = object.metadata?.uid ?? "";
    this.events.push({ type, pod: object, at: performance.now() });
    if (type === "DELETED") this.#pods.delete(uid);
    else this.#pods.set(uid, object);
    for (const listener of this.#listeners) listener();
  }
}

/** `await using pods = watchPods(ns)`. */
export function watchPods(ns: Namespace, selector?: string): PodWatch {
  const { kubectl, kubeconfig } = surroundings();
  const query = new URLSearchParams({ watch: "true", ...(selector === undefined ? {} : { labelSelector: selector }) });
  // Raw: one JSON object a line, as the API server sends them; the pods that are there come first, as ADDED.
  const path = `/api/v1/namespaces/${ns.name}/pods?${query.toString()}`;
  const args = [`--kubeconfig=${kubeconfig}`, "get", "--raw", path];
  return new PodWatch(spawn(kubectl, args, { stdio: ["ignore", "pipe", "inherit"] }));
}

/** Whether its condition Ready is true. */
export function isReady({ status, metadata }: V1Pod): boolean {
  return (
    metadata?.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: truth }) => type === "Ready" && truth === "True") === true
  );
}

/** A pod of swap: an agent, or an original that it has released. */
export function isOurs({ metadata }: V1Pod): boolean {
  return metadata?.labels?.["swap.dev/session"] !== undefined;
}

export function isFinished({ status }: V1Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
