import type { ImmersionFlags } from "../immersion/flags.ts";
import type { DeliveryKind } from "../../src/plan/delivery.ts";
import type { Environment } from "../../src/plan/environ.ts";
import type { PortMapping } from "../../src/plan/port-mapping.ts";
import type { Target } from "../../src/plan/target.ts";

/** What the command line asks of a swap, read and checked. */
export interface SwapOptions {
  readonly target: Target;
  /** Program and arguments; empty: hold the session for an IDE. */
  readonly command: readonly string[];
  readonly mappings: readonly PortMapping[];
  /** How long the agent outlives our silence, in ms. */
  readonly graceMs: number;
  /** How long a connection waits for the local process to listen, in ms. */
  readonly holdMs: number;
  /** The last backstop for a forgotten session, in seconds. */
  readonly maxAgeSeconds: number;
  readonly useEnvironment: boolean;
  readonly envFile: Environment | undefined;
  readonly overrides: Environment;
  /** The session outlives the local process. */
  readonly keep: boolean;
  readonly takeover: boolean;
  readonly immersion: ImmersionFlags;
  readonly agentImage: string;
  readonly delivery: DeliveryKind | "auto";
}
