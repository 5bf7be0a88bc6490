import { SwapError } from "../../src/error.ts";
import { parseEnvironBlock, type Environment } from "../../src/plan/environ.ts";
import { mergeEnvironment } from "../../src/plan/environment.ts";
import type { Io } from "../io.ts";
import type { Progress } from "../progress.ts";
import type { Pod } from "../kube/objects.ts";
import type { AgentPod } from "./agent-pod.ts";
import { isReady } from "../kube/pod-state.ts";
import { chooseGround } from "./choose-ground.ts";
import { Inbound } from "./inbound.ts";
import { LocalSide } from "./local-side.ts";
import type { SwapWorld } from "./swap-world.ts";
import type { SwapOptions } from "./options.ts";
import { planSwap, type SwapPlan } from "./plan-swap.ts";
import { Session } from "./session.ts";

/**
 * The whole life of one swap, from the first look at the workload to its restore.
 * @returns the exit status of the local process, or 0 when there was none.
 * @throws SwapError when the swap could not be made; the cluster is then as it was.
 */
export async function runSwap(world: SwapWorld, namespace: string, options: SwapOptions): Promise<number> {
  const { client, io, progress } = world;
  const interrupted = io.interrupts.signal;
  const plan = await planSwap(world, namespace, options, interrupted);
  const idle = new AbortController();
  const { ground: chosen, onAgent } = await chooseGround(world, plan, options, () => session.links);
  await using ground = chosen;
  const inbound = new Inbound({
    ground,
    ports: new Map(plan.prepared.ports.map(({ remote, local }) => [remote, local])),
    holdMs: options.holdMs,
    progress,
    signal: idle.signal,
  });
  await using session = await Session.start(
    {
      client,
      progress,
      workload: plan.prepared.workload,
      plan: plan.agent,
      withheldKey: plan.prepared.choice.withheld.key,
      privateKey: plan.key.privateKey,
      canReadEndpoints: plan.prepared.canReadEndpoints,
      onInbound: inbound.accept,
      onAgent,
    },
    interrupted,
  );
  const pairs = await startAgents(session, plan, progress, interrupted);
  const environment = await readEnvironment(pairs[0]?.agent, options, io, progress, interrupted);
  await using local = new LocalSide(world, plan, options, environment, ground, () => idle.abort());
  return await serve({ world, session, plan, pairs, local });
}

interface Serving {
  readonly world: SwapWorld;
  readonly session: Session;
  readonly plan: SwapPlan;
  readonly pairs: readonly { agent: AgentPod; original: Pod }[];
  readonly local: LocalSide;
}

async function startAgents(
  session: Session,
  plan: SwapPlan,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ agent: AgentPod; original: Pod }[]> {
  const { originals } = plan.prepared;
  return await progress.step(originals.length === 1 ? "agent pod" : `${originals.length} agent pods`, async (note) => {
    const pairs = await session.prepare(originals, signal);
    note(pairs.map(({ agent }) => `${agent.name} on ${agent.node}`).join(", "));
    return pairs;
  });
}

async function readEnvironment(
  agent: AgentPod | undefined,
  options: SwapOptions,
  io: Io,
  progress: Progress,
  signal: AbortSignal,
): Promise<Environment> {
  // An IDE has an environment of its own; its file holds the container's alone.
  const laptop = options.command.length > 0 ? io.env : {};
  const extra = { ...(options.envFile ? { file: options.envFile } : {}), overrides: options.overrides };
  if (!options.useEnvironment || !agent) return mergeEnvironment({ container: new Map(), laptop, ...extra });
  return await progress.step("environment", async (note) => {
    const container = parseEnvironBlock(await agent.environment(signal));
    note(`${container.size} variables of the container`);
    return mergeEnvironment({ container, laptop, ...extra });
  });
}

/** From agents that run to the end of the session: the local process, the traffic, the restore. */
async function serve({ world, session, plan, pairs, local }: Serving): Promise<number> {
  const { io, progress } = world;
  const started = AbortSignal.any([io.interrupts.signal, local.failed]);
  const { recreate } = plan.prepared.workload;
  let moving = false;
  try {
    if (!recreate) await local.start(started);
    moving = true;
    await progress.step("traffic", async (note) => {
      await session.takeOver(pairs, started);
      note(plan.trafficSentence);
    });
    if (recreate) {
      await progress.step("end of the originals", () => session.originalsGone(pairs, started));
      await local.start(started);
    }
    session.follow();
    progress.say(`${plan.targetName} is swapped: requests to it are answered here; end it with ${local.endHint}`, {
      kind: "swapped",
      target: plan.targetName,
      ports: plan.prepared.ports,
    });
    await local.untilOver(session.restoredElsewhere);
    // With strategy Recreate two of the workload never run at once, neither on the way back.
    if (recreate) await local.stop();
  } catch (error) {
    if (moving) await restore(session, world, plan);
    throw await local.explain(error);
  }
  const status = await restore(session, world, plan, local);
  progress.say("restored: the workload is as it was", { kind: "restored", target: plan.targetName });
  return status;
}

/** Originals that were not Ready before may never be: they are waited for this long, in ms. */
const patienceMs = 10_000;

async function restore(session: Session, { io }: SwapWorld, plan: SwapPlan, local?: LocalSide): Promise<number> {
  const wereReady = plan.prepared.originals.some(isReady);
  const hurry = new AbortController();
  const off = io.interrupts.on(() => hurry.abort(new SwapError("interrupted", "not waiting for the originals")));
  try {
    await session.restore(hurry.signal, wereReady ? undefined : patienceMs);
  } finally {
    off();
  }
  return (await local?.stop()) ?? 0;
}
