import type { Progress } from "../progress.ts";

/** How a lab is made. */
export type ProviderName = "native" | "kind" | "k3d";

/** A lab that is there. */
export interface Lab {
  readonly name: string;
  readonly provider: ProviderName;
  /** A file with administrator's access, mode 0600. */
  readonly kubeconfigPath: string;
  /** Names of the nodes, as Kubernetes has them. */
  readonly nodes: readonly string[];
  /** Version of Kubernetes, `v1.35.4`. */
  readonly version: string;
}

/** What a lab shall be. */
export interface LabOptions {
  readonly name: string;
  readonly nodes: number;
  /** Port of the host's loopback; a free one when absent. */
  readonly apiPort?: number;
  /** Tars of images that its nodes shall hold. */
  readonly images: readonly string[];
}

/** What making a lab touches of the world. */
export interface LabDependencies {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** How one component of one node is. */
export interface ComponentStatus {
  readonly node: string;
  readonly name: string;
  readonly state: "running" | "waiting" | "ended";
  /** ISO 8601, of the last start. */
  readonly since?: string;
  readonly restarts: number;
  readonly lastExit?: string;
}

/** How a lab is. */
export interface LabStatus {
  readonly name: string;
  readonly provider: ProviderName;
  readonly version: string;
  readonly api: string;
  readonly kubeconfig: string;
  /** ISO 8601, of its creation. */
  readonly created: string;
  readonly healthy: boolean;
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly pid?: number }[];
  readonly components: readonly ComponentStatus[];
}

/** A way to make labs. Two kinds exist: our own containers, and tools that need Docker. */
export interface Provider {
  readonly name: ProviderName;
  /** Makes the lab, or completes it; a lab that is there and well is left as it is. */
  up(options: LabOptions): Promise<Lab>;
  /** Removes the lab with everything that belongs to it; says whether there was anything. */
  down(name: string): Promise<boolean>;
  /** `undefined` when there is no such lab. */
  status(name: string): Promise<LabStatus | undefined>;
  load(name: string, tars: readonly string[]): Promise<void>;
}
