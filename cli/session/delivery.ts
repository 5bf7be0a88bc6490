import type { DeliveryKind } from "../../src/plan/delivery.ts";
import { apiStatus } from "../kube/api-error.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Pod } from "../kube/objects.ts";
import { podsPath } from "../kube/paths.ts";

/**
 * Asks the API server, by a dry run, whether it knows image volumes and whether it would take the agent pod at all:
 * admission, quota and policies have their say before anything changes.
 * @param plan makes the agent pod for a kind of delivery.
 * @throws SwapError in the API server's words when it would refuse the pod either way.
 */
export async function chooseDelivery(
  client: KubeClient,
  wanted: DeliveryKind | "auto",
  plan: (kind: DeliveryKind) => Pod,
  signal: AbortSignal,
): Promise<DeliveryKind> {
  const tryOut = async (kind: DeliveryKind): Promise<Pod> => {
    const pod = plan(kind);
    return await client.create<Pod>(podsPath(pod.metadata?.namespace ?? ""), pod, { query: { dryRun: "All" }, signal });
  };
  if (wanted !== "auto") {
    await tryOut(wanted);
    return wanted;
  }
  try {
    const accepted = await tryOut("image-volume");
    if (accepted.spec?.volumes?.some(({ image }) => image !== undefined)) return "image-volume";
  } catch (error) {
    // A server that does not know the field drops it and finds a volume of no kind.
    if (apiStatus(error) !== 422) throw error;
  }
  await tryOut("init-container");
  return "init-container";
}
