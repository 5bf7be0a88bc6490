import type { KeyObject } from "node:crypto";
import type { AgentPodInput } from "../../src/plan/agent-pod.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { Progress } from "../progress.ts";
import type { KubeClient } from "../kube/client.ts";
import type { AgentLink } from "./agent-link.ts";
import type { Workload } from "./workload.ts";

export interface SessionOptions {
  readonly client: KubeClient;
  readonly progress: Progress;
  readonly workload: Workload;
  /** How a pod of this workload becomes an agent pod; the template is that of the original's own ReplicaSet. */
  readonly plan: Omit<AgentPodInput, "template" | "replicaSet" | "withheld">;
  /** The label by which the workload's controller counts its pods. */
  readonly withheldKey: string;
  readonly privateKey: KeyObject;
  readonly canReadEndpoints: boolean;
  /** A connection arrived at a port of an agent pod. */
  readonly onInbound: (stream: MuxStream) => void;
  /** The tunnel to an agent is up. */
  readonly onAgent?: (link: AgentLink) => void;
}
