import { SwapError } from "../../src/error.ts";
import type { Listening } from "../immersion/outer/listening.ts";
import type { Progress } from "../progress.ts";
import type { AgentLink } from "./agent-link.ts";

export interface FollowedPortsOptions {
  readonly progress: Progress;
  /** Ports of the pod that are open from the start, and ports of the local process that lead to others (`-p`). */
  readonly known: ReadonlySet<number>;
  /** The tunnels to agents as they are now. */
  readonly links: () => readonly AgentLink[];
}

/** What the local process opens is opened in each agent pod, and closed again with it. */
export class FollowedPorts {
  readonly #options: FollowedPortsOptions;
  #open = new Map<string, Listening>();
  readonly #refused = new Set<string>();

  constructor(options: FollowedPortsOptions) {
    this.#options = options;
  }

  /** Makes the pods' ports what the local process listens on now. */
  update(listening: readonly Listening[]): void {
    const now = new Map(listening.filter((one) => !this.#isKnown(one)).map((one) => [keyOf(one), one]));
    for (const [key, one] of this.#open) {
      if (!now.has(key)) for (const link of this.#options.links()) link.unlisten(one);
    }
    const added = [...now].filter(([key]) => !this.#open.has(key)).map(([, one]) => one);
    this.#open = now;
    for (const one of added) for (const link of this.#options.links()) void this.#listen(link, one);
  }

  /** An agent pod has come: it opens the same. */
  welcome(link: AgentLink): void {
    for (const one of this.#open.values()) void this.#listen(link, one);
  }

  #isKnown({ protocol, port }: Listening): boolean {
    return protocol === "tcp" && this.#options.known.has(port);
  }

  async #listen(link: AgentLink, one: Listening): Promise<void> {
    const { progress } = this.#options;
    const name = `${one.protocol === "udp" ? "UDP " : ""}port ${one.port}`;
    try {
      await link.listen(one);
      const where = one.address === "loopback" ? "for the pod's own containers" : "in the pod";
      progress.say(`${name} is open ${where}: the local process listens on it`, {
        kind: "port-followed",
        port: one.port,
        protocol: one.protocol,
        address: one.address,
      });
    } catch (error) {
      if (this.#refused.has(keyOf(one))) return;
      this.#refused.add(keyOf(one));
      const why = error instanceof SwapError ? error.message : String(error);
      progress.warn(`${name} of the local process stays closed in the pod: ${why}`);
    }
  }
}

function keyOf({ protocol, port, address }: Listening): string {
  return `${protocol} ${port} ${address}`;
}
