import type { KeyObject } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";
import { readAgentFacts } from "../../src/plan/markers.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { AgentMessage } from "../../src/wire/control-message.ts";
import type { Progress } from "../progress.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Informer } from "../kube/informer.ts";
import type { Pod } from "../kube/objects.ts";
import { podPath, podsPath } from "../kube/paths.ts";
import { isFinished, isReady, isRunning, readySince, trouble } from "../kube/pod-state.ts";
import { AgentLink } from "./agent-link.ts";
import { deletePod } from "./take-over.ts";

/** From creation to running: pulling an image and waiting for a volume are what takes long. */
const startTimeoutMs = 120_000;
/** From the word to Ready: the kubelet's probe is held open, so that this is a matter of milliseconds. */
const readyTimeoutMs = 30_000;
/** Reasons that do not mend themselves: no use in waiting. */
const hopeless = /ErrImageNeverPull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError/;
/** Reasons that may mend themselves are reported after this long. */
const patienceMs = 20_000;

export interface AgentPodOptions {
  readonly client: KubeClient;
  readonly progress: Progress;
  /** The agent pods of this workload. */
  readonly pods: Informer<Pod>;
  readonly session: { readonly id: string; readonly privateKey: KeyObject };
  readonly container: string;
  readonly ports: readonly number[];
  readonly onInbound: (stream: MuxStream) => void;
  readonly onTerminating: (agent: AgentPod) => void;
}

/** One agent pod from its creation to its end, with the tunnel to it. Disposing deletes the pod. */
export class AgentPod implements AsyncDisposable {
  readonly #options: AgentPodOptions;
  readonly #pod: Pod;
  readonly #tunnelPort: number;
  #link: AgentLink | undefined;

  private constructor(options: AgentPodOptions, pod: Pod) {
    this.#options = options;
    this.#pod = pod;
    this.#tunnelPort = readAgentFacts(pod)?.tunnelPort ?? 0;
  }

  /**
   * Creates the pod. There is no signal: a request cut off half-way may have made a pod that nobody knows of.
   * @throws SwapError refused, forbidden or conflict in the API server's words.
   */
  static async create(manifest: Pod, options: AgentPodOptions): Promise<AgentPod> {
    const pod = await options.client.create<Pod>(podsPath(manifest.metadata?.namespace ?? ""), manifest);
    return new AgentPod(options, pod);
  }

  get name(): string {
    return this.#pod.metadata?.name ?? "";
  }

  get uid(): string {
    return this.#pod.metadata?.uid ?? "";
  }

  /** The pod as last seen. */
  get pod(): Pod {
    return this.#options.pods.items.get(this.uid) ?? this.#pod;
  }

  get node(): string {
    return this.pod.spec?.nodeName ?? "";
  }

  /** The tunnel; there is one from `connect` on. */
  get link(): AgentLink | undefined {
    return this.#link;
  }

  /** The container's environment as NAME=VALUE, each ended by NUL; connected agents only. */
  async environment(signal: AbortSignal): Promise<Buffer> {
    return await this.#connected().environment(signal);
  }

  /** Waits until the agent runs, opens the tunnel and the ports. @throws SwapError with the reason of the cluster. */
  async connect(signal: AbortSignal): Promise<void> {
    const since = performance.now();
    await this.#until(startTimeoutMs, signal, (pod) => {
      if (isRunning(pod, this.#options.container)) return true;
      const why = trouble(pod);
      if (isFinished(pod) || (why && (hopeless.test(why) || performance.now() - since > patienceMs))) {
        throw this.#cannotStart(why ?? "it ended");
      }
      return undefined;
    });
    this.#link = await AgentLink.open(
      {
        client: this.#options.client,
        pod: { namespace: this.#pod.metadata?.namespace ?? "", name: this.name },
        tunnelPort: this.#tunnelPort,
        session: this.#options.session,
        onInbound: this.#options.onInbound,
        onMessage: (message) => this.#hear(message),
        onNote: (sentence) => this.#options.progress.warn(sentence, { pod: this.name }),
      },
      signal,
    );
    await Promise.all(this.#options.ports.map((port) => this.#connected().listen({ port })));
  }

  /**
   * Lets the pod become Ready and stay so for `minReadySeconds`, so that its adoption does not lower AVAILABLE.
   * @returns the pod as it is then.
   */
  async becomeReady(minReadySeconds: number, signal: AbortSignal): Promise<Pod> {
    this.#connected().setReady(true);
    const ready = await this.#until(readyTimeoutMs, signal, (pod) => {
      if (isFinished(pod)) throw this.#cannotStart(trouble(pod) ?? "it ended");
      return isReady(pod) ? pod : undefined;
    });
    const since = readySince(ready) ?? this.#options.client.serverNow();
    const left = since + minReadySeconds * 1000 - this.#options.client.serverNow();
    if (minReadySeconds > 0 && left > 0) await delay(left, undefined, { signal });
    return this.pod;
  }

  /** Deletes the pod, politely where there is a tunnel. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#link) await this.#link.quit("the session is over", 1000);
    await deletePod(this.#options.client, this.#pod, 1);
    await this.#link?.[Symbol.asyncDispose]();
  }

  #connected(): AgentLink {
    if (!this.#link) throw new SwapError("bug", `agent pod ${this.name} is not connected`);
    return this.#link;
  }

  #hear(message: AgentMessage): void {
    if (message.type === "terminating") this.#options.onTerminating(this);
  }

  #until<R>(timeoutMs: number, signal: AbortSignal, check: (pod: Pod) => R | undefined): Promise<R> {
    let seen = false;
    return this.#options.pods.until(
      (items) => {
        const pod = items.get(this.uid);
        if (pod === undefined) {
          // The watch may be behind our own create; once seen and gone again means deleted.
          if (seen)
            throw new SwapError("not-ready", `agent pod ${this.name} was deleted`, {
              hint: "somebody or something deleted it; try again",
            });
          return undefined;
        }
        seen = true;
        return check(pod);
      },
      {
        signal,
        timeoutMs,
        onTimeout: () =>
          this.#cannotStart(
            trouble(this.pod) ?? `still ${this.pod.status?.phase ?? "unknown"} after ${timeoutMs / 1000} s`,
          ),
      },
    );
  }

  #cannotStart(why: string): SwapError {
    const path = podPath(this.#pod.metadata?.namespace ?? "", this.name);
    return new SwapError("not-ready", `agent pod ${this.name} does not start: ${why}`, {
      hint: hintFor(why),
      cause: path,
    });
  }
}

function hintFor(why: string): string {
  if (/Image|pull/i.test(why))
    return "the agent image cannot be had there: check --agent-image, or load it into the cluster";
  if (/Unschedulable/.test(why))
    return "no node has room for one more pod of this workload; lower its replicas or requests";
  return "`kubectl describe pod` of a workload's own pod may show the same";
}
