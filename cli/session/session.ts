import { setTimeout as delay } from "node:timers/promises";
import { SwapError, toSwapError } from "../../src/error.ts";
import { readAgentFacts } from "../../src/plan/markers.ts";
import type { Pod } from "../kube/objects.ts";
import { hasStarted, trouble } from "../kube/pod-state.ts";
import type { AgentLink } from "./agent-link.ts";
import type { AgentPod } from "./agent-pod.ts";
import { yieldToEarlier } from "./earlier-session.ts";
import { restoreWorkload } from "./restore.ts";
import { SessionAgents } from "./session-agents.ts";
import type { SessionOptions } from "./session-options.ts";
import { takeOver } from "./take-over.ts";
import { Tasks } from "./tasks.ts";
import { WorkloadWatch } from "./workload-watch.ts";

/** An agent pod and the original whose place it takes. */
export interface Pair {
  readonly agent: AgentPod;
  readonly original: Pod;
}

/** A failed swap of one replica is tried again after this long. */
const retryMs = 5000;
/** From the end of its grace period until a pod is gone from the API. */
const endSeconds = 15;

/**
 * All agent pods of one `swap`, and the watch that swaps whatever originals its controllers make meanwhile.
 * Disposing deletes what is left of them; `restore` is the orderly end.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #watch: WorkloadWatch;
  readonly #stop = new AbortController();
  readonly #tasks: Tasks;
  readonly #agents: SessionAgents;
  /** Originals (by uid) that are being swapped, or were. */
  readonly #handled = new Set<string>();
  readonly #restoredElsewhere = Promise.withResolvers<void>();

  private constructor(options: SessionOptions, watch: WorkloadWatch) {
    this.#options = options;
    this.#watch = watch;
    this.#tasks = new Tasks((error) => options.progress.warn(error.message));
    this.#agents = new SessionAgents(options, watch, this.#tasks, this.#stop.signal);
  }

  /** Begins to watch the workload; nothing changes in the cluster yet. */
  static async start(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const { client, workload, canReadEndpoints, progress } = options;
    const onTrouble = (error: unknown): void => progress.detail(`watch: ${String(error)}`);
    return new Session(options, await WorkloadWatch.start({ client, workload, canReadEndpoints, onTrouble }, signal));
  }

  /** Resolves when somebody else has begun to restore the workload. */
  get restoredElsewhere(): Promise<void> {
    return this.#restoredElsewhere.promise;
  }

  /** The tunnels to agents, the oldest first. */
  get links(): AgentLink[] {
    return this.#agents.links;
  }

  /** Creates an agent pod for each original and connects to it. */
  async prepare(originals: readonly Pod[], signal: AbortSignal): Promise<Pair[]> {
    for (const { metadata } of originals) this.#handled.add(metadata?.uid ?? "");
    const results = await Promise.allSettled(
      originals.map(async (original) => ({ agent: await this.#agents.create(original, signal), original })),
    );
    const pairs = results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    yieldToEarlier(this.#watch.agents(), this.#options.plan.session.id);
    return pairs;
  }

  /** Puts the agents in their originals' places; returns when no Service sends to the originals any more. */
  async takeOver(pairs: readonly Pair[], signal: AbortSignal): Promise<void> {
    // All have come to an end before anybody restores: what has begun is not cut off half-way.
    const results = await Promise.allSettled(pairs.map((pair) => this.#swapOne(pair, signal)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    signal.throwIfAborted();
  }

  /** Waits until the originals have ended: with strategy Recreate two of the workload never run at once. */
  async originalsGone(pairs: readonly Pair[], signal: AbortSignal): Promise<void> {
    const uids = pairs.map(({ original }) => original.metadata?.uid ?? "");
    const slowest = Math.max(0, ...pairs.map(({ original }) => original.spec?.terminationGracePeriodSeconds ?? 30));
    await this.#watch.ours.until((items) => (uids.some((uid) => items.has(uid)) ? undefined : true), {
      signal,
      timeoutMs: (slowest + endSeconds) * 1000,
      onTimeout: () =>
        new SwapError(
          "not-ready",
          `the originals have not ended ${endSeconds} s after their grace period of ${slowest} s`,
          {
            hint: "see `kubectl describe pod`: a finalizer or a lost node may hold one",
          },
        ),
    });
  }

  /** From now on, originals that appear (scale-up, rollout, lost agent) are swapped as well. */
  follow(): void {
    const look = (): void => {
      this.#noticeRestore();
      this.#look();
    };
    this.#watch.onChange(look);
    look();
  }

  /** Gives the workload its originals back; see `restoreWorkload`. */
  async restore(hurry: AbortSignal, patienceMs?: number): Promise<void> {
    const { client, progress, workload, plan } = this.#options;
    await this.#stopFollowing();
    const agents = this.#watch.agentsOf(plan.session.id);
    const quit = (pod: Pod): Promise<void> => this.#agents.quit(pod);
    await restoreWorkload({ client, progress, workload, agents, hurry, patienceMs, quit });
    await this.#agents.disconnect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopFollowing();
    await using _watch = this.#watch;
    await this.#agents[Symbol.asyncDispose]();
  }

  async #stopFollowing(): Promise<void> {
    this.#stop.abort();
    await this.#tasks.settled();
  }

  async #swapOne({ agent, original }: Pair, signal: AbortSignal): Promise<void> {
    const { client, progress, workload, plan, withheldKey } = this.#options;
    const ready = await agent.becomeReady(workload.minReadySeconds, signal);
    const current = this.#watch.pod(original.metadata?.uid ?? "") ?? original;
    const withheld = readAgentFacts(ready)?.withheld ?? { key: withheldKey, value: "" };
    const { slices } = this.#watch;
    await takeOver(
      ready,
      current,
      { client, progress, slices, sessionId: plan.session.id, workload, withheld },
      signal,
    );
  }

  /** Swaps originals that are not being swapped yet. Level-triggered: it may run at any time, any number of times. */
  #look(): void {
    if (this.#stop.signal.aborted) return;
    for (const original of this.#watch.originals()) {
      const uid = original.metadata?.uid ?? "";
      // A surplus replica lives for milliseconds and never starts; one that is stuck can still be swapped.
      if (this.#handled.has(uid) || !(hasStarted(original) || trouble(original))) continue;
      this.#handled.add(uid);
      this.#tasks.add(this.#swapLate(original));
    }
  }

  async #swapLate(original: Pod): Promise<void> {
    const { progress } = this.#options;
    const name = original.metadata?.name ?? "";
    const { signal } = this.#stop;
    try {
      progress.say(`a new original has appeared, swapping it too: pod ${name}`, {
        kind: "original-appeared",
        pod: name,
      });
      const agent = await this.#agents.create(original, signal);
      try {
        await this.#swapOne({ agent, original }, signal);
      } catch (error) {
        await this.#agents.discard(agent);
        throw error;
      }
      progress.say(`swapped: pod ${agent.name} is in the place of ${name}`, { kind: "swapped", pod: agent.name });
    } catch (error) {
      if (signal.aborted) return;
      progress.warn(`pod ${name} could not be swapped: ${toSwapError(error).message}`);
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      this.#handled.delete(original.metadata?.uid ?? "");
      this.#look();
    }
  }

  #noticeRestore(): void {
    if (this.#stop.signal.aborted) return;
    const mine = this.#watch.agentsOf(this.#options.plan.session.id);
    if (mine.some((pod) => readAgentFacts(pod)?.state === "restoring")) this.#restoredElsewhere.resolve();
  }
}
