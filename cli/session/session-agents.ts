import { SwapError } from "../../src/error.ts";
import { planAgentPod } from "../../src/plan/agent-pod.ts";
import type { Label } from "../../src/plan/markers.ts";
import { leftEndpoints } from "../kube/endpoints.ts";
import type { Pod, ReplicaSet } from "../kube/objects.ts";
import type { AgentLink } from "./agent-link.ts";
import { AgentPod } from "./agent-pod.ts";
import type { SessionOptions } from "./session-options.ts";
import type { Tasks } from "./tasks.ts";
import type { WorkloadWatch } from "./workload-watch.ts";

/** Connections of an agent that ends may finish by themselves for this long. */
const drainMs = 5000;

/** The agent pods of one session, each from its creation until the cluster or the session ends it. */
export class SessionAgents implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #watch: WorkloadWatch;
  readonly #tasks: Tasks;
  readonly #stop: AbortSignal;
  readonly #agents = new Map<string, AgentPod>();

  /** @param stop aborted when the session ends: what the cluster does to agents is no news any more. */
  constructor(options: SessionOptions, watch: WorkloadWatch, tasks: Tasks, stop: AbortSignal) {
    this.#options = options;
    this.#watch = watch;
    this.#tasks = tasks;
    this.#stop = stop;
  }

  /** The tunnels to agents, the oldest first. */
  get links(): AgentLink[] {
    return [...this.#agents.values()].flatMap(({ link }) => link ?? []);
  }

  /** Makes an agent pod from the template of an original's own ReplicaSet, and connects to it. */
  async create(original: Pod, signal: AbortSignal): Promise<AgentPod> {
    const { client, progress, plan, privateKey, onInbound } = this.#options;
    const agent = await AgentPod.create(this.#planFor(original), {
      client,
      progress,
      onInbound,
      pods: this.#watch.ours,
      session: { id: plan.session.id, privateKey },
      container: plan.container,
      ports: plan.ports.map(({ remote }) => remote),
      onTerminating: (leaving: AgentPod) => this.#tasks.add(this.#letGo(leaving)),
    });
    this.#agents.set(agent.uid, agent);
    try {
      await agent.connect(signal);
    } catch (error) {
      await this.discard(agent);
      throw error;
    }
    if (agent.link) this.#options.onAgent?.(agent.link);
    this.#tasks.add(this.#watchEnd(agent));
    return agent;
  }

  /** Ends an agent that is of no use, and deletes its pod. */
  async discard(agent: AgentPod): Promise<void> {
    this.#agents.delete(agent.uid);
    await agent[Symbol.asyncDispose]();
  }

  /** Tells the agent of a pod, if it is connected to us, to finish and exit. */
  async quit(pod: Pod): Promise<void> {
    await this.#agents.get(pod.metadata?.uid ?? "")?.link?.quit("restored", drainMs);
  }

  /** Closes the tunnels; the pods are somebody else's duty. */
  async disconnect(): Promise<void> {
    for (const link of this.links) await link[Symbol.asyncDispose]();
    this.#agents.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled([...this.#agents.values()].map((agent) => this.discard(agent)));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #planFor(original: Pod): Pod {
    const replicaSet = this.#watch.replicaSetOf(original);
    const template = replicaSet?.spec?.template;
    if (!replicaSet || !template) {
      throw new SwapError("not-ready", `the ReplicaSet of pod ${original.metadata?.name} is not there any more`, {
        hint: "a rollout may have replaced it; try again",
      });
    }
    const withheld = this.#withheld(replicaSet);
    const name = replicaSet.metadata?.name ?? "";
    return planAgentPod({ ...this.#options.plan, template, replicaSet: name, withheld }).pod;
  }

  #withheld(replicaSet: ReplicaSet): Label {
    const key = this.#options.withheldKey;
    return { key, value: replicaSet.spec?.template?.metadata?.labels?.[key] ?? "" };
  }

  /** Somebody deletes the agent pod (scale-down, rollout, drain): it serves until Services have forgotten it. */
  async #letGo(agent: AgentPod): Promise<void> {
    if (this.#stop.aborted) return;
    const { progress } = this.#options;
    progress.say(`pod ${agent.name} is being deleted by the cluster`, { kind: "agent-terminating", pod: agent.name });
    await leftEndpoints(this.#watch.slices, agent, true, this.#stop).catch((error: unknown) =>
      progress.detail(`pod ${agent.name}: ${String(error)}`),
    );
    if (!this.#stop.aborted) await agent.link?.quit("the pod is being deleted", drainMs);
  }

  async #watchEnd(agent: AgentPod): Promise<void> {
    const stopped = Promise.withResolvers<undefined>();
    this.#stop.addEventListener("abort", () => stopped.resolve(undefined), { once: true });
    const reason = await Promise.race([agent.link?.ended, stopped.promise]);
    if (reason === undefined) return;
    const fields = { kind: "agent-ended", pod: agent.name };
    this.#options.progress.warn(`agent pod ${agent.name} has ended (${reason})`, fields);
    await this.discard(agent);
  }
}
