import type { KeyObject } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { SwapError, toSwapError } from "../../src/error.ts";
import { planAgentPod, type AgentPodInput } from "../../src/plan/agent-pod.ts";
import { markerLabels, readAgentFacts, type Label } from "../../src/plan/markers.ts";
import { workloadLabel } from "../../src/plan/names.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { Progress } from "../progress.ts";
import type { KubeClient } from "../kube/client.ts";
import { leftEndpoints } from "../kube/endpoints.ts";
import { Informer } from "../kube/informer.ts";
import type { EndpointSlice, Pod, ReplicaSet } from "../kube/objects.ts";
import { endpointSlicesPath, podsPath, replicaSetsPath } from "../kube/paths.ts";
import { hasStarted, isControlledBy, trouble } from "../kube/pod-state.ts";
import { AgentPod } from "./agent-pod.ts";
import { restoreWorkload } from "./restore.ts";
import { takeOver } from "./take-over.ts";
import { originalsOf, type Workload } from "./workload.ts";

export interface SessionOptions {
  readonly client: KubeClient;
  readonly progress: Progress;
  readonly workload: Workload;
  readonly replicaSets: readonly ReplicaSet[];
  /** How a pod of this workload becomes an agent pod; the template is that of the original's own ReplicaSet. */
  readonly plan: Omit<AgentPodInput, "template" | "replicaSet" | "withheld">;
  readonly withheldKey: string;
  readonly privateKey: KeyObject;
  readonly canReadEndpoints: boolean;
  readonly onInbound: (stream: MuxStream) => void;
}

/** A failed swap of one replica is tried again after this long. */
const retryMs = 5000;

/**
 * All agent pods of one `swap`, and the watch that swaps whatever originals its controllers make meanwhile.
 * Disposing deletes what was never in service; `restore` is the orderly end of the rest.
 */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #watches = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  readonly #agents = new Map<string, AgentPod>();
  /** Originals (by uid) that are being swapped, or were. */
  readonly #handled = new Set<string>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #restoredElsewhere = Promise.withResolvers<void>();
  #replicaSets!: Informer<ReplicaSet>;
  #originals!: Informer<Pod>;
  #ours!: Informer<Pod>;
  #slices: Informer<EndpointSlice> | undefined;
  #restoring = false;

  private constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Begins to watch the workload; nothing changes in the cluster yet. */
  static async start(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const session = new Session(options);
    await session.#watch(signal);
    return session;
  }

  /** Agent pods that are connected, in the order of their creation. */
  get agents(): readonly AgentPod[] {
    return [...this.#agents.values()];
  }

  /** Resolves when somebody else has begun to restore the workload. */
  get restoredElsewhere(): Promise<void> {
    return this.#restoredElsewhere.promise;
  }

  /** Creates an agent pod for each original and connects to it. */
  async prepare(originals: readonly Pod[], signal: AbortSignal): Promise<{ agent: AgentPod; original: Pod }[]> {
    const pairs = await Promise.allSettled(
      originals.map(async (original) => {
        this.#handled.add(original.metadata?.uid ?? "");
        return { agent: await this.#createAgent(original, signal), original };
      }),
    );
    const failed = pairs.find((pair) => pair.status === "rejected");
    if (failed) throw failed.reason;
    this.#yieldToEarlier();
    return pairs.filter((pair) => pair.status === "fulfilled").map(({ value }) => value);
  }

  /** Puts the agents in their originals' places; returns when no Service sends to the originals any more. */
  async takeOver(pairs: readonly { agent: AgentPod; original: Pod }[], signal: AbortSignal): Promise<void> {
    await Promise.all(pairs.map((pair) => this.#swapOne(pair.agent, pair.original, signal)));
  }

  /** From now on, originals that appear (scale-up, rollout, lost agent) are swapped as well. */
  follow(): void {
    const look = (): void => this.#look();
    this.#watches.defer(this.#originals.onChange(look));
    this.#watches.defer(this.#replicaSets.onChange(look));
    this.#watches.defer(this.#ours.onChange(() => this.#noticeRestore()));
    look();
  }

  /** Gives the workload its originals back; see `restoreWorkload`. */
  async restore(hurry: AbortSignal): Promise<void> {
    this.#restoring = true;
    this.#stop.abort();
    await Promise.allSettled(this.#tasks);
    const { client, progress, workload } = this.#options;
    const mine = [...this.#ours.items.values()].filter(
      (pod) => this.#isMine(pod) && readAgentFacts(pod)?.state !== "released",
    );
    const quit = async (pod: Pod): Promise<void> => {
      await this.#agents.get(pod.metadata?.uid ?? "")?.link.quit("restored", 5000);
    };
    await restoreWorkload({ client, progress, workload, agents: mine, hurry, quit });
    for (const agent of this.#agents.values()) await agent.link[Symbol.asyncDispose]();
    this.#agents.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#restoring = true;
    this.#stop.abort();
    await Promise.allSettled(this.#tasks);
    await Promise.allSettled([...this.#agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
    await this.#watches[Symbol.asyncDispose]();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, workload, progress } = this.#options;
    const onTrouble = (error: unknown): void => progress.detail(`watch: ${String(error)}`);
    const start = async <T extends object>(path: string, labelSelector?: string): Promise<Informer<T>> =>
      this.#watches.use(
        await Informer.start<T>(client, path, { query: labelSelector ? { labelSelector } : {}, signal, onTrouble }),
      );
    const { namespace } = workload;
    [this.#replicaSets, this.#originals, this.#ours, this.#slices] = await Promise.all([
      start<ReplicaSet>(replicaSetsPath(namespace), workload.kind === "Deployment" ? workload.selector : undefined),
      start<Pod>(podsPath(namespace), workload.selector),
      start<Pod>(podsPath(namespace), `${markerLabels.workload}=${workloadLabel(workload)}`),
      this.#options.canReadEndpoints ? start<EndpointSlice>(endpointSlicesPath(namespace)) : undefined,
    ]);
  }

  /** The ReplicaSets that belong to the workload, as last seen. */
  #owned(): ReplicaSet[] {
    const { workload } = this.#options;
    return [...this.#replicaSets.items.values()].filter((set) =>
      workload.kind === "ReplicaSet"
        ? set.metadata?.uid === workload.uid
        : set.metadata?.ownerReferences?.some(({ uid, controller }) => controller && uid === workload.uid),
    );
  }

  async #createAgent(original: Pod, signal: AbortSignal): Promise<AgentPod> {
    const { client, progress, plan, privateKey } = this.#options;
    const replicaSet = this.#owned().find((set) => isControlledBy(original, set.metadata?.uid ?? ""));
    const template = replicaSet?.spec?.template;
    if (!replicaSet || !template) {
      throw new SwapError("not-ready", `the ReplicaSet of pod ${original.metadata?.name} is not there any more`);
    }
    const { pod } = planAgentPod({
      ...plan,
      template,
      replicaSet: replicaSet.metadata?.name ?? "",
      withheld: this.#withheld(replicaSet),
    });
    const agent = await AgentPod.create(
      pod,
      {
        client,
        progress,
        pods: this.#ours,
        session: { id: plan.session.id, privateKey },
        container: plan.container,
        ports: plan.ports.map(({ remote }) => remote),
        onInbound: this.#options.onInbound,
        onTerminating: (leaving) => this.#track(this.#letGo(leaving)),
      },
      signal,
    );
    this.#agents.set(agent.uid, agent);
    await agent.connect(signal);
    this.#track(this.#watchEnd(agent));
    return agent;
  }

  #withheld(replicaSet: ReplicaSet): Label {
    const key = this.#options.withheldKey;
    return { key, value: replicaSet.spec?.template?.metadata?.labels?.[key] ?? "" };
  }

  async #swapOne(agent: AgentPod, original: Pod, signal: AbortSignal): Promise<void> {
    const { client, progress, workload, plan } = this.#options;
    const ready = await agent.becomeReady(workload.minReadySeconds, signal);
    const current = this.#originals.items.get(original.metadata?.uid ?? "") ?? original;
    const withheld = readAgentFacts(ready)?.withheld ?? { key: this.#options.withheldKey, value: "" };
    await takeOver(
      ready,
      current,
      { client, progress, slices: this.#slices, sessionId: plan.session.id, workload, withheld },
      signal,
    );
  }

  /** Swaps originals that are not being swapped yet. Level-triggered: it may run at any time, any number of times. */
  #look(): void {
    if (this.#restoring) return;
    for (const original of originalsOf(this.#originals.items.values(), this.#owned())) {
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
      await this.#swapOne(agent, original, signal);
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
    if (this.#restoring) return;
    const { progress } = this.#options;
    progress.say(`pod ${agent.name} is being deleted by the cluster`, { kind: "agent-terminating", pod: agent.name });
    await leftEndpoints(this.#slices, agent, true, this.#stop.signal).catch((error: unknown) =>
      progress.detail(`pod ${agent.name}: ${String(error)}`),
    );
    if (!this.#restoring) await agent.link.quit("the pod is being deleted", 5000);
  }

  async #watchEnd(agent: AgentPod): Promise<void> {
    const stopped = Promise.withResolvers<undefined>();
    this.#stop.signal.addEventListener("abort", () => stopped.resolve(undefined), { once: true });
    const reason = await Promise.race([agent.link.ended, stopped.promise]);
    if (reason === undefined) return;
    this.#agents.delete(agent.uid);
    this.#options.progress.warn(`agent pod ${agent.name} has ended (${reason})`, {
      kind: "agent-ended",
      pod: agent.name,
    });
    await agent[Symbol.asyncDispose]();
  }

  #track(task: Promise<void>): void {
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  #isMine(pod: Pod): boolean {
    return pod.metadata?.labels?.[markerLabels.session] === this.#options.plan.session.id;
  }

  #noticeRestore(): void {
    if (this.#restoring) return;
    const begun = [...this.#ours.items.values()].some(
      (pod) => this.#isMine(pod) && readAgentFacts(pod)?.state === "restoring",
    );
    if (begun) this.#restoredElsewhere.resolve();
  }

  /** Two sessions that start at once both see both: the one whose first pod is older stays. */
  #yieldToEarlier(): void {
    const agents = [...this.#ours.items.values()].filter((pod) => readAgentFacts(pod)?.state === "agent");
    const age = (pod: Pod): string =>
      `${pod.metadata?.creationTimestamp}/${pod.metadata?.labels?.[markerLabels.session]}`;
    const first = agents.toSorted((a, b) => (age(a) < age(b) ? -1 : 1))[0];
    if (first === undefined || this.#isMine(first)) return;
    const facts = readAgentFacts(first);
    throw new SwapError(
      "conflict",
      `${facts?.holder ?? "somebody"} on ${facts?.host ?? "another machine"} began to swap this workload at the same moment`,
      {
        hint: "agree who goes first, or use --takeover",
      },
    );
  }
}
