import { parseEnvironBlock, type Environment } from "../../src/plan/environ.ts";
import type { Target } from "../../src/plan/target.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import { notImmersed } from "../immersion/flags.ts";
import type { SwapWorld } from "./swap-world.ts";
import { useLoneAgent } from "./lone-agent.ts";
import { planSwap } from "./plan-swap.ts";

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
  const { progress, io } = world;
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
  return await progress.step("reading the environment", async (note) => {
    await using lone = await useLoneAgent(world, namespace, plan, (stream) => stream.reset(resetCode.refused));
    const environment = parseEnvironBlock(await lone.agent.environment(signal));
    note(`${environment.size} variables`);
    return environment;
  });
}
