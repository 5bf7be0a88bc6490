import type { ImageRecipe } from "../recipe.ts";
import { agentImage, type AgentImageOptions } from "./agent.ts";
import { busyboxImage } from "./busybox.ts";
import { coreDnsImage } from "./coredns.ts";
import { nodeImage } from "./node-runtime.ts";
import { pauseImage } from "./pause.ts";

/** What the lab's images are made from. */
export interface LabImageOptions {
  /** The folder of package.json. */
  readonly root: string;
  /** CoreDNS's static binary. */
  readonly coreDns: string;
  readonly agent?: AgentImageOptions;
}

/** Every image that a fresh lab holds, those first that its own pods need. */
export function labImages({ root, coreDns, agent }: LabImageOptions): ImageRecipe[] {
  return [pauseImage(root), coreDnsImage(coreDns), agentImage(root, agent), nodeImage(root), busyboxImage()];
}
