import { type KeyObject, randomBytes, verify } from "node:crypto";
import type { Duplex } from "node:stream";
import { protocolVersion, version } from "../version.ts";
import type { AgentStatus } from "../wire/agent-status.ts";
import {
  type ClientHello,
  encodeHandshake,
  type Hello,
  handshakeMagic,
  maxHandshakeBytes,
  nonceBytes,
  parseClientHello,
  transcriptBytes,
  type Verdict,
} from "../wire/handshake-message.ts";
import { WireError } from "../wire/wire-error.ts";
import { readLine } from "./read-line.ts";

export interface AgentHandshakeOptions {
  session: string;
  publicKey: KeyObject;
  status(): AgentStatus;
  /** For the whole handshake; default 10 s. */
  deadlineMs?: number;
}

/** `proven`: the duplex, paused, is ready for a Mux. Otherwise it is being closed; `reason` is for a log. */
export type AgentHandshakeResult = { how: "proven" } | { how: "status" } | { how: "refused"; reason: string };

/** Greets whoever connected and hears their proof. Never throws: what goes wrong is the visitor's. */
export async function shakeHandsAsAgent(
  connection: Duplex,
  options: AgentHandshakeOptions,
): Promise<AgentHandshakeResult> {
  // A visitor who is being turned away may reset the connection at any time.
  connection.on("error", () => undefined);
  try {
    return await greet(connection, options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof WireError ? "malformed" : "deadline";
    return refuse(connection, { type: "refused", code, message: `${reason}.` });
  }
}

async function greet(connection: Duplex, options: AgentHandshakeOptions): Promise<AgentHandshakeResult> {
  const hello: Hello = { magic: handshakeMagic, protocol: protocolVersion, version, nonce: randomBytes(nonceBytes) };
  connection.write(encodeHandshake(hello));
  const signal = AbortSignal.timeout(options.deadlineMs ?? 10_000);
  const answer = parseClientHello(await readLine(connection, maxHandshakeBytes, signal));
  if (answer === undefined) throw new WireError("a request of an unknown type");
  if (answer.type === "status") {
    connection.end(`${JSON.stringify(options.status())}\n`, () => connection.destroy());
    return { how: "status" };
  }
  const verdict = judge(hello, answer, options);
  if (verdict.type === "refused") return refuse(connection, verdict);
  connection.write(encodeHandshake(verdict));
  return { how: "proven" };
}

/** Whether the proof is one of this session's key over this very greeting. */
export function judge(
  hello: Hello,
  answer: Extract<ClientHello, { type: "prove" }>,
  options: { session: string; publicKey: KeyObject },
): Verdict {
  if (answer.protocol !== hello.protocol) {
    const message =
      `the agent is swap ${hello.version} (tunnel protocol ${hello.protocol}), the client is swap ${answer.version} ` +
      `(protocol ${answer.protocol}); use the same release on both sides.`;
    return { type: "refused", code: "version", message };
  }
  if (answer.session !== options.session) {
    return { type: "refused", code: "session", message: "this agent belongs to another session." };
  }
  const transcript = transcriptBytes({ agent: hello, client: answer });
  if (!verify(null, transcript, options.publicKey, answer.signature)) {
    return { type: "refused", code: "proof", message: "the proof was not made with this session's key." };
  }
  return { type: "accepted" };
}

function refuse(connection: Duplex, verdict: Extract<Verdict, { type: "refused" }>): AgentHandshakeResult {
  if (!connection.destroyed) connection.end(encodeHandshake(verdict), () => connection.destroy());
  return { how: "refused", reason: verdict.message };
}
