import type { V1Container } from "@kubernetes/client-node";
import type { AgentPorts } from "./agent-ports.ts";
import { agentPath } from "./delivery.ts";
import type { Raw } from "./raw.ts";
import { withAgentMemory, withAgentStorage } from "./resources.ts";

/** How the agent is started: see `agentArguments`. */
export interface AgentRun {
  session: string;
  /** The raw 32-byte Ed25519 public key in base64url. */
  publicKey: string;
  graceMs: number;
  ports: AgentPorts;
  /** The agent's tree is copied into the pod's ephemeral storage. */
  copied: boolean;
}

/**
 * The target container with the agent as its process. Image, user, environment, volumes, security context, ports,
 * requests and whatever else a container may have stay as they are; command, probes, hooks and terminal are the
 * agent's. The agent pod's restart policy is Never, so that container restart rules and resize policies that restart
 * must go, too.
 */
export function planTargetContainer(original: Raw<V1Container>, run: AgentRun): Raw<V1Container> {
  const container = structuredClone(original);
  delete container.lifecycle;
  delete container.livenessProbe;
  delete container.startupProbe;
  delete container.stdin;
  delete container.stdinOnce;
  delete container.tty;
  delete container.restartPolicy;
  delete container.restartPolicyRules;
  delete container.resizePolicy;
  container.command = [`${agentPath}/agent`];
  container.args = agentArguments(run);
  container.readinessProbe = {
    // the agent holds the answer until it is ready, 4 s at most: Ready follows the word at once
    httpGet: { path: "/ready", port: run.ports.health },
    periodSeconds: 1,
    timeoutSeconds: 5,
    successThreshold: 1,
    // leaving is done by label or deletion, never by unreadiness: a busy node's lost probe must not cost the pod its place
    failureThreshold: 3,
  };
  if (container.resources !== undefined) {
    const resources = withAgentMemory(container.resources);
    container.resources = run.copied ? withAgentStorage(resources) : resources;
  }
  container.terminationMessagePath = "/dev/termination-log";
  container.terminationMessagePolicy = "FallbackToLogsOnError";
  return container;
}

/** Nothing goes by environment: the container's must stay exactly what it is. */
function agentArguments({ session, publicKey, graceMs, ports }: AgentRun): string[] {
  const options = {
    session,
    "public-key": publicKey,
    grace: `${graceMs}`,
    "tunnel-port": `${ports.tunnel}`,
    "health-port": `${ports.health}`,
  };
  return ["run", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
}
