import { planAdopt, planRelease, planUnlabel } from "../../src/plan/patch.ts";
import type { Label } from "../../src/plan/markers.ts";
import type { Progress } from "../progress.ts";
import { isGone } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import { isEndpoint, leftEndpoints } from "../kube/endpoints.ts";
import type { Informer } from "../kube/informer.ts";
import type { EndpointSlice, Pod } from "../kube/objects.ts";
import { podPath } from "../kube/paths.ts";

/** A released original lives at most this long, whatever becomes of us: from release to deletion takes about 3 s. */
const releaseBoundSeconds = 60;

export interface TakeOver {
  readonly client: KubeClient;
  readonly progress: Progress;
  readonly slices: Informer<EndpointSlice> | undefined;
  readonly sessionId: string;
  readonly workload: { readonly kind: string; readonly name: string };
  readonly withheld: Label;
}

/**
 * Puts a Ready agent pod in an original's place without losing a request: the controller lets the original go (it
 * serves on, ownerless, until its deadline) and adopts the agent. Then Services stop sending to the original, and only
 * then is it told to end.
 *
 * The agent is adopted when the release is known to be stored, never at the same time: where the controller sees an
 * adoption first, of this or of another replica, it deletes an original that still serves. A replica that it makes
 * between the two is deleted before it starts, being neither running nor Ready.
 * Once begun, this goes on to its end, a few seconds: an original that has been released cannot be taken back.
 * @returns when the original gets no new connections; its end is asked for, not awaited.
 */
export async function takeOver(agent: Pod, original: Pod, context: TakeOver, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { client, slices, withheld } = context;
  const { namespace = "", name = "", uid = "" } = original.metadata ?? {};
  const wasEndpoint = slices !== undefined && isEndpoint(slices.items.values(), uid);
  const release = planRelease(original, {
    now: new Date(client.serverNow()),
    boundSeconds: releaseBoundSeconds,
    withheld,
    session: context.sessionId,
    workload: context.workload,
  });
  const agentPath = podPath(agent.metadata?.namespace ?? "", agent.metadata?.name ?? "");
  const [released] = await Promise.allSettled([client.patch<Pod>(podPath(namespace, name), release)]);
  if (released.status === "rejected") {
    await client.patch<Pod>(agentPath, planAdopt(agent, withheld));
    // Gone by itself, or not ours to release: the controller has one too many now and deletes the cheapest, an original.
    if (!isGone(released.reason)) {
      context.progress.warn(`pod ${name} could not be released, its controller ends it: ${String(released.reason)}`);
    }
    return;
  }
  try {
    await client.patch<Pod>(agentPath, planAdopt(agent, withheld));
    await unlabel(released.value, context, wasEndpoint);
  } finally {
    await deletePod(client, original, undefined);
  }
}

/** Takes a released original out of the Services; returns when they send nothing more to it. */
async function unlabel(original: Pod, { client, slices }: TakeOver, wasEndpoint: boolean): Promise<void> {
  const { namespace = "", name = "", uid = "" } = original.metadata ?? {};
  try {
    await client.patch(podPath(namespace, name), planUnlabel(original));
    await leftEndpoints(slices, { uid, name }, wasEndpoint, new AbortController().signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/**
 * Deletes exactly this pod (by uid); one that is gone already is fine.
 * @param graceSeconds how long it may take to end; its own terminationGracePeriodSeconds if undefined.
 */
export async function deletePod(
  client: KubeClient,
  pod: Pod,
  graceSeconds: number | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace = "", name = "", uid } = pod.metadata ?? {};
  const options = {
    ...(uid === undefined ? {} : { preconditions: { uid } }),
    ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
  };
  try {
    await client.delete(podPath(namespace, name), options, { signal });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
