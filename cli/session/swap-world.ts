import type { KubeClient } from "../kube/client.ts";
import type { Io } from "../io.ts";
import type { Progress } from "../progress.ts";

/** What a swap touches: the cluster, the terminal, and whom to tell. */
export interface SwapWorld {
  readonly client: KubeClient;
  readonly io: Io;
  readonly progress: Progress;
}
