import type { Argv } from "yargs";
import { defaultAgentImage } from "./swap.ts";

export interface ContainerArgs {
  target: string;
  container?: string | undefined;
  agentImage: string;
}

/** What commands that look into a container without taking its traffic ask for: which one, and by which agent. */
export function withContainerFlags<T>(argv: Argv<T>) {
  return argv
    .positional("target", {
      type: "string",
      demandOption: true,
      describe: "deploy/NAME, deploy/NAME/CONTAINER or rs/NAME",
    })
    .option("container", {
      alias: "c",
      type: "string",
      requiresArg: true,
      describe: "container, if the pod has several",
    })
    .option("agent-image", {
      type: "string",
      default: defaultAgentImage,
      requiresArg: true,
      describe: "image of the agent",
    });
}
