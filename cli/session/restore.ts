import { SwapError } from "../../src/error.ts";
import { planRestoreRelease, planRetire } from "../../src/plan/patch.ts";
import { markerLabels, readAgentFacts } from "../../src/plan/markers.ts";
import { isHashLabel } from "../../src/plan/template.ts";
import type { Progress } from "../progress.ts";
import { apiStatus, isGone } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import { isEndpoint, leftEndpoints } from "../kube/endpoints.ts";
import { Informer } from "../kube/informer.ts";
import type { EndpointSlice, Pod, ReplicaSet } from "../kube/objects.ts";
import { endpointSlicesPath, podPath, podsPath } from "../kube/paths.ts";
import { isActive, isFinished, isReady, trouble } from "../kube/pod-state.ts";
import { deletePod } from "./take-over.ts";
import { originalsOf, readReplicaSets, type Workload } from "./workload.ts";

/** An agent that ends as a terminating endpoint serves this long at most while the original starts. */
const terminatingSeconds = 600;
/** Open connections may end by themselves for this long. */
const drainSeconds = 5;
/** How often the user is told what the originals are waiting for. */
const nagMs = 10_000;

export interface RestoreContext {
  readonly client: KubeClient;
  readonly progress: Progress;
  readonly workload: Workload;
  /** The session's agent pods as last seen. */
  readonly agents: readonly Pod[];
  /** Aborted when the user does not want to wait for the originals any longer. */
  readonly hurry: AbortSignal;
  /** How long to wait for the originals, in ms; without end if left out. */
  readonly patienceMs?: number | undefined;
  /** Tells an agent over its tunnel to finish and exit, where this process holds the tunnel. */
  readonly quit?: (agent: Pod) => Promise<void>;
}

/**
 * Gives the workload its originals back without losing a request: the agents leave their controller, which makes
 * originals from its untouched template; the agents serve until those are Ready, then leave the Services and end.
 * Idempotent: several may do it at once, from different machines.
 */
export async function restoreWorkload(context: RestoreContext): Promise<void> {
  const { client, workload, agents, hurry } = context;
  const { signal } = new AbortController();
  const alive = agents.filter((pod) => !isFinished(pod));
  await using watches = new AsyncDisposableStack();
  const slices = await watchSlices(client, workload.namespace, signal, watches);
  const inService = new Set(alive.map(uidOf).filter((uid) => slices && isEndpoint(slices.items.values(), uid)));
  const released = (await Promise.all(alive.map((pod) => release(client, pod)))).filter((pod) => pod !== undefined);
  if (!hurry.aborted && released.length > 0) await originalsReady(context, released.length, signal, watches);
  if (!hurry.aborted) {
    await Promise.all(
      released.map(async (pod) => {
        await retire(client, pod);
        const name = pod.metadata?.name ?? "";
        await leftEndpoints(slices, { uid: uidOf(pod), name }, inService.has(uidOf(pod)), hurry).catch(
          (error: unknown) => {
            if (!hurry.aborted) throw error;
          },
        );
      }),
    );
  }
  await Promise.all(agents.map((pod) => end(context, pod)));
}

async function watchSlices(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
  watches: AsyncDisposableStack,
): Promise<Informer<EndpointSlice> | undefined> {
  try {
    const options = { signal, onTrouble: () => undefined };
    return watches.use(await Informer.start<EndpointSlice>(client, endpointSlicesPath(namespace), options));
  } catch (error) {
    if (apiStatus(error) === 403) return undefined;
    throw error;
  }
}

/** Takes the agent pod out of its controller's count; undefined if it is gone already. */
async function release(client: KubeClient, pod: Pod): Promise<Pod | undefined> {
  const withheld = readAgentFacts(pod)?.withheld;
  try {
    if (withheld !== undefined && isHashLabel(withheld.key)) {
      return await client.patch<Pod>(pathOf(pod), planRestoreRelease(pod, withheld));
    }
    // Without this label it would leave its Services as well. Its controller no longer counts a terminating pod; Services send to it as long as nothing else is Ready (KEP-1669).
    await client.patch(pathOf(pod), { metadata: { labels: { [markerLabels.state]: "restoring" } } });
    await deletePod(client, pod, terminatingSeconds);
    return pod;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function retire(client: KubeClient, pod: Pod): Promise<void> {
  try {
    await client.patch(pathOf(pod), planRetire(pod));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Waits until as many originals are Ready as the workload wants; the hurry, or a quota without room, ends the wait. */
async function originalsReady(
  context: RestoreContext,
  count: number,
  signal: AbortSignal,
  watches: AsyncDisposableStack,
): Promise<void> {
  const { client, workload, hurry, progress } = context;
  const patience = performance.now() + (context.patienceMs ?? Infinity);
  const pods = watches.use(
    await Informer.start<Pod>(client, podsPath(workload.namespace), {
      query: { labelSelector: workload.selector },
      signal,
      onTrouble: (error) => progress.detail(`watching pods: ${String(error)}`),
    }),
  );
  const plural = count === 1 ? "the original" : `${count} originals`;
  await progress.step(`waiting for ${plural}`, async (note) => {
    for (;;) {
      const replicaSets = await readReplicaSets(client, workload, signal);
      const wanted = Math.min(
        workload.desired,
        replicaSets.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0),
      );
      const ready = (items: ReadonlyMap<string, Pod>): Pod[] =>
        originalsOf(items.values(), replicaSets).filter(isReady);
      const enough = await pods
        .until((items) => (ready(items).length >= wanted ? true : undefined), {
          signal: hurry,
          timeoutMs: nagMs,
          onTimeout: () => new SwapError("not-ready", "the originals are not Ready yet"),
        })
        .catch((error: unknown) => {
          if (hurry.aborted || (error instanceof SwapError && error.code === "not-ready")) return false;
          throw error;
        });
      if (enough) return note("Ready");
      if (hurry.aborted) return note("not waited for");
      const shortage = noRoom(replicaSets);
      if (shortage !== undefined) {
        progress.warn(`there is no room for an original beside the agent, so the agent goes first: ${shortage}`);
        return note("no room");
      }
      const waiting = originalsOf(pods.items.values(), replicaSets).filter((pod) => !isReady(pod));
      const why = waiting.map((pod) => trouble(pod)).find((reason) => reason !== undefined);
      if (performance.now() >= patience) {
        progress.warn(`the original is not Ready, and was not before the swap${why ? `: ${why}` : ""}`);
        return note("not Ready");
      }
      progress.warn(`the original is not Ready yet, the agent pod stays in its place${why ? `: ${why}` : ""}`, {
        hint: "Ctrl-C, or `swap restore --now`, leaves at once",
      });
    }
  });
}

/** The message with which the API server refuses new pods to the ReplicaSet, such as a full quota. */
function noRoom(replicaSets: readonly ReplicaSet[]): string | undefined {
  const failures = replicaSets.flatMap((set) => set.status?.conditions ?? []);
  return failures.find(({ type, status }) => type === "ReplicaFailure" && status === "True")?.message;
}

async function end(context: RestoreContext, pod: Pod): Promise<void> {
  if (!isFinished(pod) && context.quit) await context.quit(pod);
  await deletePod(context.client, pod, isActive(pod) ? drainSeconds : undefined);
}

const uidOf = (pod: Pod): string => pod.metadata?.uid ?? "";
const pathOf = (pod: Pod): string => podPath(pod.metadata?.namespace ?? "", pod.metadata?.name ?? "");
