import { markerLabels, readAgentFacts } from "../../src/plan/markers.ts";
import { workloadLabel } from "../../src/plan/names.ts";
import type { KubeClient } from "../kube/client.ts";
import { Informer } from "../kube/informer.ts";
import type { EndpointSlice, Pod, ReplicaSet } from "../kube/objects.ts";
import { endpointSlicesPath, podsPath, replicaSetsPath } from "../kube/paths.ts";
import { isControlledBy } from "../kube/pod-state.ts";
import { originalsOf, type Workload } from "./workload.ts";

export interface WatchOptions {
  readonly client: KubeClient;
  readonly workload: Workload;
  readonly canReadEndpoints: boolean;
  /** Failures of a watch, which is taken up again. */
  readonly onTrouble: (error: unknown) => void;
}

/** What the cluster has of one workload, kept up to date until disposed. */
export class WorkloadWatch implements AsyncDisposable {
  readonly #workload: Workload;
  readonly #stack = new AsyncDisposableStack();
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  /** Agent pods and released originals, of every session. */
  readonly ours: Informer<Pod>;
  /** Undefined where EndpointSlices may not be read. */
  readonly slices: Informer<EndpointSlice> | undefined;

  private constructor(
    workload: Workload,
    informers: readonly [Informer<ReplicaSet>, Informer<Pod>, Informer<Pod>, Informer<EndpointSlice> | undefined],
  ) {
    this.#workload = workload;
    [this.#replicaSets, this.#pods, this.ours, this.slices] = informers;
    for (const informer of informers) if (informer) this.#stack.use(informer);
  }

  static async start(
    { client, workload, canReadEndpoints, onTrouble }: WatchOptions,
    signal: AbortSignal,
  ): Promise<WorkloadWatch> {
    const { namespace, selector, name } = workload;
    const start = async <T extends object>(path: string, query: Record<string, string>): Promise<Informer<T>> =>
      await Informer.start<T>(client, path, { query, signal, onTrouble });
    const sets =
      workload.kind === "Deployment" ? { labelSelector: selector } : { fieldSelector: `metadata.name=${name}` };
    const started = await Promise.all([
      start<ReplicaSet>(replicaSetsPath(namespace), sets),
      start<Pod>(podsPath(namespace), { labelSelector: selector }),
      start<Pod>(podsPath(namespace), { labelSelector: `${markerLabels.workload}=${workloadLabel(workload)}` }),
      canReadEndpoints ? start<EndpointSlice>(endpointSlicesPath(namespace), {}) : undefined,
    ]);
    return new WorkloadWatch(workload, started);
  }

  /** Pods that count as replicas and are not ours. */
  originals(): Pod[] {
    return originalsOf(this.#pods.items.values(), this.#owned());
  }

  /** The pod as last seen, if it still has the workload's labels. */
  pod(uid: string): Pod | undefined {
    return this.#pods.items.get(uid);
  }

  /** The ReplicaSet that controls the pod. */
  replicaSetOf(pod: Pod): ReplicaSet | undefined {
    return this.#owned().find((set) => isControlledBy(pod, set.metadata?.uid ?? ""));
  }

  /** Agent pods of a session, finished ones included. */
  agentsOf(session: string): Pod[] {
    return this.agents().filter((pod) => pod.metadata?.labels?.[markerLabels.session] === session);
  }

  /** Agent pods of all sessions, finished ones included. */
  agents(): Pod[] {
    return [...this.ours.items.values()].filter((pod) => readAgentFacts(pod)?.state !== "released");
  }

  /** Calls `listener` after each change of pods or ReplicaSets. */
  onChange(listener: () => void): () => void {
    const offs = [this.#replicaSets, this.#pods, this.ours].map((informer) => informer.onChange(listener));
    return () => {
      for (const off of offs) off();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  #owned(): ReplicaSet[] {
    const { kind, uid } = this.#workload;
    return [...this.#replicaSets.items.values()].filter((set) =>
      kind === "ReplicaSet"
        ? set.metadata?.uid === uid
        : set.metadata?.ownerReferences?.some((owner) => owner.controller && owner.uid === uid),
    );
  }
}
