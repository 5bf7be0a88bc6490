import { markerLabels, markerPrefix } from "../../src/plan/markers.ts";
import { withFixedLabels } from "../../src/plan/fixed-labels.ts";
import { parseEnvironBlock, type Environment } from "../../src/plan/environ.ts";
import type { Target } from "../../src/plan/target.ts";
import { notImmersed } from "../immersion/flags.ts";
import { Informer } from "../kube/informer.ts";
import type { Pod } from "../kube/objects.ts";
import { podsPath } from "../kube/paths.ts";
import { AgentPod } from "./agent-pod.ts";
import type { SwapWorld } from "./local-side.ts";
import { exampleAgentPod, planSwap } from "./plan-swap.ts";

const graceMs = 10_000;
const maxAgeSeconds = 300;

/**
 * The environment that a container of the workload gets, read by an agent in a pod of its own outside every Service
 * (image ENV, envFrom and fieldRef are resolved by the kubelet alone). The pod is gone on return.
 */
export async function readContainerEnvironment(
  world: SwapWorld,
  namespace: string,
  target: Target,
  agentImage: string,
): Promise<Environment> {
  const { client, progress, io } = world;
  const { signal } = io.interrupts;
  const options = {
    target,
    command: [],
    mappings: [],
    graceMs,
    holdMs: 0,
    maxAgeSeconds,
    useEnvironment: true,
    agentImage,
  };
  const plan = await planSwap(
    world,
    namespace,
    {
      ...options,
      envFile: undefined,
      overrides: new Map(),
      keep: false,
      takeover: false,
      immersion: notImmersed,
      delivery: "auto",
    },
    signal,
    { mayBeHeld: true },
  );
  const session = plan.agent.session.id;
  await using pods = await Informer.start<Pod>(client, podsPath(namespace), {
    query: { labelSelector: `${markerLabels.session}=${session}` },
    signal,
    onTrouble: (error) => progress.detail(String(error)),
  });
  return await progress.step("reading the environment", async (note) => {
    await using agent = await AgentPod.create(withoutAppLabels(exampleAgentPod(plan)), {
      client,
      progress,
      pods,
      session: { id: session, privateKey: plan.key.privateKey },
      container: plan.prepared.container,
      ports: [],
      onInbound: (stream) => stream.reset(0),
      onTerminating: () => undefined,
    });
    await agent.connect(signal);
    const environment = parseEnvironBlock(await agent.environment(signal));
    note(`${environment.size} variables`);
    return environment;
  });
}

/** No Service, controller or session of the workload finds the pod. */
function withoutAppLabels(pod: Pod): Pod {
  const labels = Object.entries(pod.metadata?.labels ?? {});
  const kept = labels.filter(([key]) => key.startsWith(markerPrefix) && key !== markerLabels.workload);
  const spec = pod.spec === undefined ? {} : { spec: withFixedLabels(pod.spec, Object.fromEntries(labels)) };
  return { ...pod, ...spec, metadata: { ...pod.metadata, labels: Object.fromEntries(kept) } };
}
