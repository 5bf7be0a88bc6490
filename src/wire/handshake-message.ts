import { bytesField, integerField, parseFields, stringField } from "./fields.ts";

/** Bytes of one handshake line at most. */
export const maxHandshakeBytes = 4_096;

/** First word of the agent, so that a client knows at once when it has reached something else. */
export const handshakeMagic = "swap-agent";

export const nonceBytes = 32;
export const signatureBytes = 64;

/** Agent, first. The nonce is new for each connection: an old proof is worth nothing. */
export interface Hello {
  magic: typeof handshakeMagic;
  protocol: number;
  version: string;
  nonce: Buffer;
}

/** Client: the proof, or the wish for the status, which needs none. */
export type ClientHello =
  | { type: "prove"; protocol: number; version: string; session: string; nonce: Buffer; signature: Buffer }
  | { type: "status" };

/** Agent, last of the handshake; the tunnel begins with the next byte after `accepted`. */
export type Verdict = { type: "accepted" } | { type: "refused"; code: RefusalCode; message: string };

export type RefusalCode = "malformed" | "version" | "session" | "proof" | "deadline";

const refusalCodes: readonly string[] = [
  "malformed",
  "version",
  "session",
  "proof",
  "deadline",
] satisfies RefusalCode[];

/** Undefined where the line is not an agent's. Throws WireError where it is one and broken. */
export function parseHello(line: string): Hello | undefined {
  const fields = parseFields(line, "the agent's hello");
  if (fields["magic"] !== handshakeMagic) return undefined;
  return {
    magic: handshakeMagic,
    protocol: integerField(fields, "protocol", 0, 1_000_000),
    version: stringField(fields, "version", 64),
    nonce: bytesField(fields, "nonce", nonceBytes),
  };
}

/** Undefined for a type that this version does not know. Throws WireError. */
export function parseClientHello(line: string): ClientHello | undefined {
  const fields = parseFields(line, "the client's hello");
  const type = stringField(fields, "type", 64);
  if (type === "status") return { type };
  if (type !== "prove") return undefined;
  return {
    type,
    protocol: integerField(fields, "protocol", 0, 1_000_000),
    version: stringField(fields, "version", 64),
    session: stringField(fields, "session", 128),
    nonce: bytesField(fields, "nonce", nonceBytes),
    signature: bytesField(fields, "signature", signatureBytes),
  };
}

/** Undefined for a type that this version does not know. Throws WireError. */
export function parseVerdict(line: string): Verdict | undefined {
  const fields = parseFields(line, "the agent's answer");
  const type = stringField(fields, "type", 64);
  if (type === "accepted") return { type };
  if (type !== "refused") return undefined;
  const code = stringField(fields, "code", 32);
  return {
    type,
    code: refusalCodes.includes(code) ? (code as RefusalCode) : "malformed",
    message: stringField(fields, "message", 1_024),
  };
}

/** One line of JSON; bytes go as base64url. */
export function encodeHandshake(message: Hello | ClientHello | Verdict): string {
  const plain = Object.entries(message).map(([name, value]: [string, unknown]) => [
    name,
    Buffer.isBuffer(value) ? value.toString("base64url") : value,
  ]);
  return `${JSON.stringify(Object.fromEntries(plain))}\n`;
}

/** Everything that the proof binds together. */
export interface Transcript {
  agent: { protocol: number; version: string; nonce: Buffer };
  client: { protocol: number; version: string; session: string; nonce: Buffer };
}

/** The bytes that the client signs: a domain of its own, then each field behind its length (4 bytes, big-endian). */
export function transcriptBytes({ agent, client }: Transcript): Buffer {
  const fields = [
    Buffer.from("swap tunnel: client proof"),
    Buffer.from(String(agent.protocol)),
    Buffer.from(agent.version),
    agent.nonce,
    Buffer.from(String(client.protocol)),
    Buffer.from(client.version),
    Buffer.from(client.session),
    client.nonce,
  ];
  return Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(field.length);
      return [length, field];
    }),
  );
}
