import { randomBytes } from "node:crypto";
import { SwapError } from "../../src/error.ts";
import { planAgentPod, type AgentPodInput } from "../../src/plan/agent-pod.ts";
import type { DeliveryKind } from "../../src/plan/delivery.ts";
import { createSessionKey, type SessionKey } from "../../src/tunnel/session-key.ts";
import type { Pod } from "../kube/objects.ts";
import { chooseDelivery } from "./delivery.ts";
import { isFree } from "./local-port.ts";
import { findProgram } from "./local-process.ts";
import type { SwapWorld } from "./swap-world.ts";
import type { SwapOptions } from "./options.ts";
import { portOwner } from "./port-owner.ts";
import { heldBy, notReadyReason, prepare, sweep, type Prepared } from "./prepare.ts";
import { restoreWorkload } from "./restore.ts";

/** What a swap is going to do: nothing has changed yet, except that a taken-over session has been restored. */
export interface SwapPlan {
  readonly prepared: Prepared;
  /** Absolute path of the command's program; undefined when an IDE runs it. */
  readonly program: string | undefined;
  readonly key: SessionKey;
  /** How a pod of the workload becomes an agent pod, less what depends on the pod. */
  readonly agent: Omit<AgentPodInput, "template" | "replicaSet" | "withheld">;
  /** "deployment/api". */
  readonly targetName: string;
  /** "port 8080 → 127.0.0.1:8080". */
  readonly trafficSentence: string;
  /** Why the API server would not take the agent pod: of dry runs only, since without one it is thrown. */
  readonly refusal: SwapError | undefined;
}

/** @throws SwapError for whatever would make the swap fail, as far as it can be known before anything changes. */
export async function planSwap(
  world: SwapWorld,
  namespace: string,
  options: SwapOptions,
  signal: AbortSignal,
  { mayBeHeld = false, dryRun = false } = {},
): Promise<SwapPlan> {
  const { client, io, progress } = world;
  const { target } = options;
  const targetName = `${target.kind.toLowerCase()}/${target.name}`;
  const [command] = options.command;
  const program = command === undefined ? undefined : findProgram(command, io.env["PATH"] ?? "", io.cwd);
  const { contextName } = client.connection;
  const read = (): Promise<Prepared> =>
    progress.step(`context ${contextName}, namespace ${namespace}`, async (note) => {
      const found = await prepare(client, namespace, target, options.mappings, progress, signal);
      note(describe(found, targetName));
      return found;
    });
  let prepared = await read();
  if (!dryRun) await sweep(client, prepared, signal);
  const [holder] = prepared.held;
  if (holder && !mayBeHeld) {
    if (!options.takeover) throw heldBy(holder, targetName, client.serverNow());
    if (!dryRun) {
      await progress.step("taking over", () =>
        restoreWorkload({ client, progress, workload: prepared.workload, agents: prepared.held, hurry: signal }),
      );
      prepared = await read();
    }
  }
  // In namespaces of its own the local process collides with nobody.
  if (!mayBeHeld && options.immersion.network !== "full") await checkLocalPorts(prepared, program !== undefined);
  const plan = await planAgents(world, namespace, options, prepared, signal, dryRun);
  const why = notReadyReason(prepared.originals);
  if (prepared.originals.length === 0 && prepared.held.length === 0) {
    throw new SwapError("not-ready", `${targetName} has no pods to take the place of`, {
      hint: `see why: kubectl describe -n ${namespace} replicaset ${prepared.choice.replicaSet.metadata?.name}`,
    });
  }
  if (why) progress.warn(`${targetName} is not Ready (${why}); swapping it all the same`);
  return { prepared, program, targetName, trafficSentence: describeTraffic(prepared), ...plan };
}

/** The agent pod of a plan, as `--dry-run` shows it. */
export function exampleAgentPod({ prepared, agent }: Pick<SwapPlan, "prepared" | "agent">): Pod {
  const { choice } = prepared;
  return planAgentPod({
    ...agent,
    template: choice.template,
    replicaSet: choice.replicaSet.metadata?.name ?? "",
    withheld: choice.withheld,
  }).pod;
}

async function planAgents(
  { client, progress }: SwapWorld,
  namespace: string,
  options: SwapOptions,
  prepared: Prepared,
  signal: AbortSignal,
  dryRun: boolean,
): Promise<Pick<SwapPlan, "key" | "agent" | "refusal">> {
  const key = createSessionKey();
  const agent = (delivery: DeliveryKind): SwapPlan["agent"] => ({
    namespace,
    workload: { kind: prepared.workload.kind, name: prepared.workload.name },
    container: prepared.container,
    session: {
      id,
      publicKey: key.publicKey,
      holder: prepared.holder,
      host: prepared.host,
      createdAt: new Date(client.serverNow()),
    },
    ports: prepared.ports,
    options: {
      image: { reference: options.agentImage },
      delivery,
      graceMs: options.graceMs,
      maxAgeSeconds: options.maxAgeSeconds,
    },
  });
  const id = randomBytes(5).toString("hex");
  const pod = (kind: DeliveryKind): Pod => exampleAgentPod({ prepared, agent: agent(kind) });
  try {
    const delivery = await chooseDelivery(client, options.delivery, pod, signal);
    progress.detail(`the agent comes by ${delivery}`);
    return { key, agent: agent(delivery), refusal: undefined };
  } catch (error) {
    // What is refused is shown all the same: it is what the user wants to look at.
    if (!dryRun || !(error instanceof SwapError && error.code === "refused")) throw error;
    const delivery = options.delivery === "auto" ? "image-volume" : options.delivery;
    return { key, agent: agent(delivery), refusal: error };
  }
}

async function checkLocalPorts(prepared: Prepared, runsCommand: boolean): Promise<void> {
  // An IDE's program may well be running already.
  if (!runsCommand) return;
  for (const { local, remote } of prepared.ports) {
    if (await isFree(local)) continue;
    const owner = await portOwner(local);
    throw new SwapError("conflict", `port ${local} of this machine is taken${owner ? ` by ${owner}` : ""}`, {
      hint: `end that program, or let yours listen elsewhere: -p OTHER:${remote}`,
    });
  }
}

function describe({ originals, container, choice, held }: Prepared, targetName: string): string {
  const count = Math.max(originals.length, held.length);
  return `${targetName}, container ${container}, ${count} of ${choice.replicas} replica${choice.replicas === 1 ? "" : "s"}`;
}

function describeTraffic({ ports }: Prepared): string {
  if (ports.length === 0) return "moved (no ports)";
  return ports.map(({ remote, local }) => `port ${remote} → 127.0.0.1:${local}`).join(", ");
}
