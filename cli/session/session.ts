import type { KeyObject } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { SwapError, toSwapError } from "../../src/error.ts";
import { planAgentPod, type AgentPodInput } from "../../src/plan/agent-pod.ts";
import { readAgentFacts, type Label } from "../../src/plan/markers.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { Progress } from "../progress.ts";
import type { KubeClient } from "../kube/client.ts";
import { leftEndpoints } from "../kube/endpoints.ts";
import type { Pod, ReplicaSet } from "../kube/objects.ts";
import { hasStarted, trouble } from "../kube/pod-state.ts";
import type { AgentLink } from "./agent-link.ts";
import { AgentPod } from "./agent-pod.ts";
import { yieldToEarlier } from "./earlier-session.ts";
import { restoreWorkload } from "./restore.ts";
import { takeOver } from "./take-over.ts";
import type { Workload } from "./workload.ts";
import { WorkloadWatch } from "./workload-watch.ts";

export interface SessionOptions {
  readonly client: KubeClient;
  readonly progress: Progress;
  readonly workload: Workload;
  /** How a pod of this workload becomes an agent pod; the template is that of the original's own ReplicaSet. */
  readonly plan: Omit<AgentPodInput, "template" | "replicaSet" | "withheld">;
  /** The label by which the workload's controller counts its pods. */
  readonly withheldKey: string;
  readonly privateKey: KeyObject;
  readonly canReadEndpoints: boolean;
  /** A connection arrived at a port of an agent pod. */
  readonly onInbound: (stream: MuxStream) => void;
  /** The tunnel to an agent is up. */
  readonly onAgent?: (link: AgentLink) => void;
}

/** An agent pod and the original whose place it takes. */
export interface Pair {
  readonly agent: AgentPod;
  readonly original: Pod;
}

/** A failed swap of one replica is tried again after this long. */
const retryMs = 5000;
/** From the end of its grace period until a pod is gone from the API. */
const endSeconds = 15;
/** Connections of an agent that ends may finish by themselves for this long. */
const drainMs = 5000;

/**
 * All agent pods of one `swap`, and the watch that swaps whatever originals its controllers make meanwhile.
 * Disposing deletes what is left of them; `restore` is the orderly end.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #watch: WorkloadWatch;
  readonly #stop = new AbortController();
  readonly #agents = new Map<string, AgentPod>();
  /** Originals (by uid) that are being swapped, or were. */
  readonly #handled = new Set<string>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #restoredElsewhere = Promise.withResolvers<void>();

  private constructor(options: SessionOptions, watch: WorkloadWatch) {
    this.#options = options;
    this.#watch = watch;
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
    return [...this.#agents.values()].flatMap(({ link }) => link ?? []);
  }

  /** Creates an agent pod for each original and connects to it. */
  async prepare(originals: readonly Pod[], signal: AbortSignal): Promise<Pair[]> {
    for (const { metadata } of originals) this.#handled.add(metadata?.uid ?? "");
    const results = await Promise.allSettled(
      originals.map(async (original) => ({ agent: await this.#createAgent(original, signal), original })),
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
    const quit = async (pod: Pod): Promise<void> => {
      await this.#agents.get(pod.metadata?.uid ?? "")?.link?.quit("restored", drainMs);
    };
    await restoreWorkload({ client, progress, workload, agents, hurry, patienceMs, quit });
    for (const agent of this.#agents.values()) await agent.link?.[Symbol.asyncDispose]();
    this.#agents.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopFollowing();
    const results = await Promise.allSettled([...this.#agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
    await this.#watch[Symbol.asyncDispose]();
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #stopFollowing(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#tasks);
  }

  async #createAgent(original: Pod, signal: AbortSignal): Promise<AgentPod> {
    const { client, progress, plan, privateKey, onInbound } = this.#options;
    const replicaSet = this.#watch.replicaSetOf(original);
    const template = replicaSet?.spec?.template;
    if (!replicaSet || !template) {
      throw new SwapError("not-ready", `the ReplicaSet of pod ${original.metadata?.name} is not there any more`, {
        hint: "a rollout may have replaced it; try again",
      });
    }
    const withheld = this.#withheld(replicaSet);
    const { pod } = planAgentPod({ ...plan, template, replicaSet: replicaSet.metadata?.name ?? "", withheld });
    const options = {
      client,
      progress,
      onInbound,
      pods: this.#watch.ours,
      session: { id: plan.session.id, privateKey },
      container: plan.container,
      ports: plan.ports.map(({ remote }) => remote),
      onTerminating: (leaving: AgentPod) => this.#track(this.#letGo(leaving)),
    };
    const agent = await AgentPod.create(pod, options);
    this.#agents.set(agent.uid, agent);
    await agent.connect(signal);
    if (agent.link) this.#options.onAgent?.(agent.link);
    this.#track(this.#watchEnd(agent));
    return agent;
  }

  #withheld(replicaSet: ReplicaSet): Label {
    const key = this.#options.withheldKey;
    return { key, value: replicaSet.spec?.template?.metadata?.labels?.[key] ?? "" };
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
      this.#track(this.#swapLate(original));
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
      const agent = await this.#createAgent(original, signal);
      await this.#swapOne({ agent, original }, signal);
      progress.say(`swapped: pod ${agent.name} is in the place of ${name}`, { kind: "swapped", pod: agent.name });
    } catch (error) {
      if (signal.aborted) return;
      progress.warn(`pod ${name} could not be swapped: ${toSwapError(error).message}`);
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      this.#handled.delete(original.metadata?.uid ?? "");
      this.#look();
    }
  }

  /** Somebody deletes the agent pod (scale-down, rollout, drain): it serves until Services have forgotten it. */
  async #letGo(agent: AgentPod): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const { progress } = this.#options;
    progress.say(`pod ${agent.name} is being deleted by the cluster`, { kind: "agent-terminating", pod: agent.name });
    await leftEndpoints(this.#watch.slices, agent, true, signal).catch((error: unknown) =>
      progress.detail(`pod ${agent.name}: ${String(error)}`),
    );
    if (!signal.aborted) await agent.link?.quit("the pod is being deleted", drainMs);
  }

  async #watchEnd(agent: AgentPod): Promise<void> {
    const stopped = Promise.withResolvers<undefined>();
    this.#stop.signal.addEventListener("abort", () => stopped.resolve(undefined), { once: true });
    const reason = await Promise.race([agent.link?.ended, stopped.promise]);
    if (reason === undefined) return;
    this.#agents.delete(agent.uid);
    this.#options.progress.warn(`agent pod ${agent.name} has ended (${reason})`, {
      kind: "agent-ended",
      pod: agent.name,
    });
    await agent[Symbol.asyncDispose]();
  }

  #track(task: Promise<void>): void {
    const { progress } = this.#options;
    const told = task.catch((error: unknown) => progress.warn(toSwapError(error).message));
    this.#tasks.add(told);
    void told.finally(() => this.#tasks.delete(told));
  }

  #noticeRestore(): void {
    if (this.#stop.signal.aborted) return;
    const mine = this.#watch.agentsOf(this.#options.plan.session.id);
    if (mine.some((pod) => readAgentFacts(pod)?.state === "restoring")) this.#restoredElsewhere.resolve();
  }
}
