import { setTimeout as delay } from "node:timers/promises";
import { SwapError } from "../../src/error.ts";
import type { Informer } from "./informer.ts";
import type { EndpointSlice } from "./objects.ts";

/** How long the endpoint controller may take before something is wrong. */
const controllerTimeoutMs = 15_000;
/**
 * From the EndpointSlice to the last node's packet rules: kube-proxy waits up to a second between two syncs
 * (`--min-sync-period`), and nothing tells when it is done.
 */
const propagationMs = 1500;
/** Instead of both, where EndpointSlices may not be read. */
const blindWaitMs = 4000;

/** Whether Services may send new connections to the pod. */
export function isEndpoint(slices: Iterable<EndpointSlice>, podUid: string): boolean {
  for (const slice of slices) {
    for (const { targetRef, conditions } of slice.endpoints ?? []) {
      if (targetRef?.uid === podUid && conditions?.ready !== false) return true;
    }
  }
  return false;
}

/**
 * Waits until no Service sends new connections to the pod any more.
 * @param wasEndpoint whether it ever was one: if not, there is nothing to wait for.
 * @throws SwapError not-ready when the endpoint controller does not follow.
 */
export async function leftEndpoints(
  slices: Informer<EndpointSlice> | undefined,
  pod: { uid: string; name: string },
  wasEndpoint: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (slices === undefined) {
    await delay(blindWaitMs, undefined, { signal });
    return;
  }
  if (!wasEndpoint) return;
  await slices.until((items) => (isEndpoint(items.values(), pod.uid) ? undefined : true), {
    signal,
    timeoutMs: controllerTimeoutMs,
    onTimeout: () =>
      new SwapError(
        "not-ready",
        `pod ${pod.name} is still an endpoint ${controllerTimeoutMs / 1000} s after its labels were taken off`,
        {
          hint: "is kube-controller-manager running? `kubectl get endpointslices`",
        },
      ),
  });
  await delay(propagationMs, undefined, { signal });
}
