import { formatEnvironment } from "../../src/plan/env-format.ts";
import type { Environment } from "../../src/plan/environ.ts";
import type { Io } from "../io.ts";
import type { Progress } from "../progress.ts";
import type { SwapPlan } from "./plan-swap.ts";
import { keepPrivateFile } from "./private-file.ts";

/** Tells what an IDE needs to run the program itself: the environment as a file in memory, and the ports. */
export async function holdForIde(
  environment: Environment,
  plan: SwapPlan,
  io: Io,
  progress: Progress,
  resources: AsyncDisposableStack,
): Promise<void> {
  const { workload, ports } = plan.prepared;
  const { text, omitted } = formatEnvironment(environment, "dotenv");
  const file = await keepPrivateFile(`${workload.namespace}.${workload.name}.env`, text, io.env);
  if (file) {
    resources.use(file);
    progress.say(`environment file for your IDE (in memory, gone with this session): ${file.path}`, {
      kind: "env-file",
      path: file.path,
    });
  } else {
    progress.say(`environment for your IDE: swap env ${plan.targetName} -n ${workload.namespace} -o dotenv`);
  }
  if (omitted.length > 0) progress.warn(`an env file cannot hold: ${omitted.join(", ")}`);
  for (const { local, remote } of ports) {
    progress.say(`port ${remote} of the pod: listen on 127.0.0.1:${local}`, { kind: "port", local, remote });
  }
}
