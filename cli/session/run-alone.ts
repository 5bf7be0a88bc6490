import { parseEnvironBlock } from "../../src/plan/environ.ts";
import { mergeEnvironment } from "../../src/plan/environment.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { AgentLink } from "./agent-link.ts";
import { chooseGround } from "./choose-ground.ts";
import type { SwapWorld } from "./swap-world.ts";
import { useLoneAgent } from "./lone-agent.ts";
import type { SwapOptions } from "./options.ts";
import { planSwap } from "./plan-swap.ts";
import { processEnvironment } from "./process-environment.ts";

/**
 * Runs a command in the world of a workload's container without taking its traffic: the agent is in a pod of its own,
 * which is gone on return.
 * @returns the exit status of the command.
 */
export async function runAlone(world: SwapWorld, namespace: string, options: SwapOptions): Promise<number> {
  const { io, progress } = world;
  const { signal } = io.interrupts;
  const plan = await planSwap(world, namespace, options, signal, { mayBeHeld: true });
  let links: readonly AgentLink[] = [];
  const { ground: chosen } = await chooseGround(world, plan, options, () => links);
  await using ground = chosen;
  await using lone = await progress.step("agent pod", async (note) => {
    const used = await useLoneAgent(world, namespace, plan, (stream) => stream.reset(resetCode.refused));
    note(`${used.agent.name} on ${used.agent.node}, outside every Service`);
    return used;
  });
  links = lone.agent.link ? [lone.agent.link] : [];
  const container = options.useEnvironment ? parseEnvironBlock(await lone.agent.environment(signal)) : new Map();
  const file = options.envFile ? { file: options.envFile } : {};
  const environment = mergeEnvironment({ container, laptop: io.env, ...file, overrides: options.overrides });
  const [, ...args] = options.command;
  const command = { program: plan.program ?? "", args, env: processEnvironment(environment), cwd: io.cwd };
  const started = await ground.start(command, signal);
  const off = io.interrupts.on((name) => {
    // From a terminal Ctrl-C has reached the command already.
    if (!(io.stdin.isTTY && name === "SIGINT")) started.kill(name);
  });
  try {
    return await started.exited;
  } finally {
    off();
  }
}
