import { withFixedLabels } from "../../src/plan/fixed-labels.ts";
import { markerLabels, markerPrefix } from "../../src/plan/markers.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { Informer } from "../kube/informer.ts";
import type { Pod } from "../kube/objects.ts";
import { podsPath } from "../kube/paths.ts";
import { AgentPod } from "./agent-pod.ts";
import type { SwapWorld } from "./swap-world.ts";
import type { SwapPlan } from "./plan-swap.ts";
import { exampleAgentPod } from "./plan-swap.ts";

/**
 * An agent in a pod of its own beside a workload: of its template, outside every Service and controller. It is connected,
 * and disposing deletes the pod.
 */
export async function useLoneAgent(
  { client, progress, io }: SwapWorld,
  namespace: string,
  plan: SwapPlan,
  onInbound: (stream: MuxStream) => void,
): Promise<{ readonly agent: AgentPod } & AsyncDisposable> {
  const { signal } = io.interrupts;
  const session = plan.agent.session.id;
  await using resources = new AsyncDisposableStack();
  const pods = resources.use(
    await Informer.start<Pod>(client, podsPath(namespace), {
      query: { labelSelector: `${markerLabels.session}=${session}` },
      signal,
      onTrouble: (error) => progress.detail(String(error)),
    }),
  );
  const agent = resources.use(
    await AgentPod.create(withoutAppLabels(exampleAgentPod(plan)), {
      client,
      progress,
      pods,
      session: { id: session, privateKey: plan.key.privateKey },
      container: plan.prepared.container,
      ports: [],
      onInbound,
      onTerminating: () => undefined,
    }),
  );
  await agent.connect(signal);
  const held = resources.move();
  return { agent, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** No Service, controller or session of the workload finds the pod. */
function withoutAppLabels(pod: Pod): Pod {
  const labels = Object.entries(pod.metadata?.labels ?? {});
  const kept = labels.filter(([key]) => key.startsWith(markerPrefix) && key !== markerLabels.workload);
  const spec = pod.spec === undefined ? {} : { spec: withFixedLabels(pod.spec, Object.fromEntries(labels)) };
  return { ...pod, ...spec, metadata: { ...pod.metadata, labels: Object.fromEntries(kept) } };
}
