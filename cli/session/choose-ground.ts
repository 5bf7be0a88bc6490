import type { AgentLink } from "./agent-link.ts";
import { SwapError } from "../../src/error.ts";
import { FollowedPorts } from "./followed-ports.ts";
import { laptopGround, type Ground } from "./ground.ts";
import type { SwapWorld } from "./swap-world.ts";
import type { SwapOptions } from "./options.ts";
import type { SwapPlan } from "./plan-swap.ts";

export interface ChosenGround {
  readonly ground: Ground;
  /** To be told of the tunnel to each agent that comes. */
  readonly onAgent: (link: AgentLink) => void;
}

/**
 * Where the local process is going to live, as the flags say.
 * @param links the tunnels to agents as they are at the time of the call.
 */
export async function chooseGround(
  { io, progress }: SwapWorld,
  plan: SwapPlan,
  { immersion: flags, command }: SwapOptions,
  links: () => readonly AgentLink[],
): Promise<ChosenGround> {
  // Without a command an IDE starts the program, where it is.
  if (command.length === 0 || flags.network === "none") return { ground: laptopGround, onAgent: () => undefined };
  const link = (): AgentLink => usable(links());
  if (flags.network === "proxy") {
    const { ProxyGround } = await import("./proxy-ground.ts");
    return { ground: new ProxyGround({ flags, io, progress, link }), onAgent: () => undefined };
  }
  const { ports, choice, container } = plan.prepared;
  const known = new Set(ports.flatMap(({ local, remote }) => [local, remote]));
  const followed = new FollowedPorts({ progress, known, links });
  const others = (choice.template.spec?.containers ?? []).filter(({ name }) => name !== container);
  const neighbourPorts = others
    .flatMap((other) => other.ports ?? [])
    .filter(({ protocol = "TCP" }) => protocol === "TCP")
    .map(({ containerPort }) => containerPort);
  const { ImmersedGround } = await import("./immersed-ground.ts");
  return {
    ground: new ImmersedGround({ flags, progress, link, followed, neighbourPorts: [...new Set(neighbourPorts)] }),
    onAgent: (link) => followed.welcome(link),
  };
}

function usable(links: readonly AgentLink[]): AgentLink {
  const link = links.find(({ connected }) => connected);
  if (link !== undefined) return link;
  throw new SwapError("unreachable", "there is no tunnel to the cluster just now", {
    hint: "it is being made again; try once more in a moment",
  });
}
