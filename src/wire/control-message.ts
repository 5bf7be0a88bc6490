import {
  booleanField,
  type Fields,
  integerField,
  maxPort,
  optionalChoiceField,
  optionalIntegerField,
  parseFields,
  stringField,
} from "./fields.ts";

/** Bytes of one control message's line at most. */
export const maxMessageBytes = 65_536;

/** How long a quitting agent may wait for open connections at most, in ms. */
export const maxDrainMs = 3_600_000;

export type ListenProtocol = "tcp" | "udp";
export type ListenAddress = "any" | "loopback";

/** What the client says on the control stream. `id` is the client's own number for a listener. */
export type ClientMessage =
  /** `protocol` is tcp and `address` is any where they are left out; loopback is 127.0.0.1 and ::1. */
  | { type: "listen"; id: number; port: number; protocol?: ListenProtocol; address?: ListenAddress }
  | { type: "unlisten"; id: number }
  | { type: "ready"; ready: boolean }
  /** Close the listeners, let open connections finish for at most `drainMs` (default 0), exit 0. */
  | { type: "quit"; reason: string; drainMs?: number };

/** What the agent says on the control stream. */
export type AgentMessage =
  | { type: "listening"; id: number }
  /** `code` as the system names it, such as EADDRINUSE. */
  | { type: "listen-failed"; id: number; code: string; message: string }
  | { type: "terminating"; signal: string }
  | { type: "quitting"; reason: string };

const maxId = 0xffff_ffff;

/** One line of the client's; undefined for a type that this version does not know. Throws WireError. */
export function parseClientMessage(line: string): ClientMessage | undefined {
  const fields = parseFields(line, "a control message");
  const type = stringField(fields, "type", 64);
  switch (type) {
    case "listen":
      return parseListen(fields);
    case "unlisten":
      return { type, id: idField(fields) };
    case "ready":
      return { type, ready: booleanField(fields, "ready") };
    case "quit": {
      const drainMs = optionalIntegerField(fields, "drainMs", 0, maxDrainMs);
      const reason = stringField(fields, "reason", 1_024);
      return drainMs === undefined ? { type, reason } : { type, reason, drainMs };
    }
    default:
      return undefined;
  }
}

/** One line of the agent's; undefined for a type that this version does not know. Throws WireError. */
export function parseAgentMessage(line: string): AgentMessage | undefined {
  const fields = parseFields(line, "a control message");
  const type = stringField(fields, "type", 64);
  switch (type) {
    case "listening":
      return { type, id: idField(fields) };
    case "listen-failed":
      return {
        type,
        id: idField(fields),
        code: stringField(fields, "code", 64),
        message: stringField(fields, "message", 1_024),
      };
    case "terminating":
      return { type, signal: stringField(fields, "signal", 32) };
    case "quitting":
      return { type, reason: stringField(fields, "reason", 1_024) };
    default:
      return undefined;
  }
}

function parseListen(fields: Fields): ClientMessage {
  const protocol = optionalChoiceField(fields, "protocol", ["tcp", "udp"]);
  const address = optionalChoiceField(fields, "address", ["any", "loopback"]);
  return {
    type: "listen",
    id: idField(fields),
    port: integerField(fields, "port", 1, maxPort),
    ...(protocol !== undefined && { protocol }),
    ...(address !== undefined && { address }),
  };
}

function idField(fields: Fields): number {
  return integerField(fields, "id", 0, maxId);
}
