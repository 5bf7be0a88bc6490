import { type KeyObject, randomBytes, sign } from "node:crypto";
import type { Duplex } from "node:stream";
import { SwapError } from "../error.ts";
import { protocolVersion, version } from "../version.ts";
import { type AgentStatus, maxStatusBytes, parseAgentStatus } from "../wire/agent-status.ts";
import {
  encodeHandshake,
  type Hello,
  maxHandshakeBytes,
  nonceBytes,
  parseHello,
  parseVerdict,
  transcriptBytes,
} from "../wire/handshake-message.ts";
import { WireError } from "../wire/wire-error.ts";
import { ConnectionEnded, readLine } from "./read-line.ts";

export interface ClientHandshakeOptions {
  session: string;
  privateKey: KeyObject;
  signal?: AbortSignal;
  /** For the whole handshake; default 10 s. */
  deadlineMs?: number;
}

const defaultDeadlineMs = 10_000;
const restartHint =
  "The port-forward may have reached another program, or broken off: run the command again, with -v for details.";

/**
 * Proves the session to the agent at the other end of `connection` and returns the same duplex, paused and ready for a
 * Mux. Throws SwapError "agent" (refused, no agent, broken off, too late) and destroys the connection then.
 */
export async function shakeHandsAsClient<T extends Duplex>(connection: T, options: ClientHandshakeOptions): Promise<T> {
  return await withinDeadline(connection, options, async (signal) => {
    const hello = await readHello(connection, signal);
    const client = { protocol: protocolVersion, version, session: options.session, nonce: randomBytes(nonceBytes) };
    const signature = sign(null, transcriptBytes({ agent: hello, client }), options.privateKey);
    connection.write(encodeHandshake({ type: "prove", ...client, signature }));
    const verdict = parseVerdict(await readLine(connection, maxHandshakeBytes, signal));
    if (verdict === undefined) throw new WireError("an answer of an unknown type");
    if (verdict.type === "refused") throw refusal(verdict.code, verdict.message);
    return connection;
  });
}

/**
 * Asks the agent at the other end for its status, which needs no proof. The connection is destroyed in any case.
 * Throws as `shakeHandsAsClient` does.
 */
export async function askStatus(
  connection: Duplex,
  options: Omit<ClientHandshakeOptions, "session" | "privateKey"> = {},
): Promise<AgentStatus> {
  const status = await withinDeadline(connection, options, async (signal) => {
    await readHello(connection, signal);
    connection.write(encodeHandshake({ type: "status" }));
    return parseAgentStatus(await readLine(connection, maxStatusBytes, signal));
  });
  connection.destroy();
  return status;
}

async function readHello(connection: Duplex, signal: AbortSignal): Promise<Hello> {
  const hello = parseHello(await readLine(connection, maxHandshakeBytes, signal));
  if (hello === undefined) throw new WireError("no hello of an agent");
  if (hello.protocol !== protocolVersion) {
    throw new SwapError("agent", versionSentence(hello, { protocol: protocolVersion, version }), { hint: versionHint });
  }
  return hello;
}

interface Party {
  protocol: number;
  version: string;
}

/** One sentence for both sides. */
export function versionSentence(agent: Party, client: Party): string {
  return `The agent is swap ${agent.version} (tunnel protocol ${agent.protocol}), this client is swap ${client.version} (protocol ${client.protocol}).`;
}

const versionHint =
  "Use the same release on both sides: restore the workload and swap it again, or pass the --agent-image of this release.";

function refusal(code: string, message: string): SwapError {
  const hint =
    code === "version"
      ? versionHint
      : code === "session" || code === "proof"
        ? "The agent pod belongs to another session: restore the workload, then swap it again."
        : restartHint;
  return new SwapError("agent", `The agent refused the connection: ${message}`, { hint });
}

async function withinDeadline<T>(
  connection: Duplex,
  { signal, deadlineMs = defaultDeadlineMs }: { signal?: AbortSignal; deadlineMs?: number },
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(deadlineMs);
  // Errors between reads, and after a failure, must not end the process; the next read finds the stream destroyed.
  connection.on("error", () => undefined);
  try {
    return await act(signal === undefined ? deadline : AbortSignal.any([deadline, signal]));
  } catch (error) {
    connection.destroy();
    signal?.throwIfAborted();
    throw asSwapError(error, deadline.aborted, deadlineMs);
  }
}

function asSwapError(error: unknown, late: boolean, deadlineMs: number): SwapError {
  if (error instanceof SwapError) return error;
  const message = late
    ? `The agent did not finish the handshake within ${deadlineMs / 1_000} s.`
    : error instanceof WireError
      ? "The other end of the port-forward does not speak as an agent does."
      : error instanceof ConnectionEnded
        ? "The connection to the agent ended during the handshake."
        : "The connection to the agent failed during the handshake.";
  return new SwapError("agent", message, { hint: restartHint, cause: error });
}
