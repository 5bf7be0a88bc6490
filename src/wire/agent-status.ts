import {
  booleanField,
  integerField,
  integerListField,
  maxPort,
  objectField,
  parseFields,
  stringField,
} from "./fields.ts";

/** What an agent tells anybody who reaches its tunnel port: no secrets, no names. */
export interface AgentStatus {
  session: string;
  agentVersion: string;
  uptimeMs: number;
  ready: boolean;
  /** `silentMs`: since the last sign of an authenticated client; of the agent's start where there was none. */
  client: { connected: boolean; silentMs: number };
  graceMs: number;
  graceLeftMs: number;
  /** Inbound connections of the whole life of the agent. */
  connections: { open: number; total: number };
  /** Payload: `in` from the pod's peers to the client, `out` the other way. */
  bytes: { in: number; out: number };
  ports: number[];
}

/** UTF-8 bytes of a status line at most. */
export const maxStatusBytes = 65_536;

/** Throws WireError. */
export function parseAgentStatus(line: string): AgentStatus {
  const fields = parseFields(line, "the agent's status");
  const client = objectField(fields, "client");
  const connections = objectField(fields, "connections");
  const bytes = objectField(fields, "bytes");
  const count = Number.MAX_SAFE_INTEGER;
  return {
    session: stringField(fields, "session", 128),
    agentVersion: stringField(fields, "agentVersion", 64),
    uptimeMs: integerField(fields, "uptimeMs", 0, count),
    ready: booleanField(fields, "ready"),
    client: { connected: booleanField(client, "connected"), silentMs: integerField(client, "silentMs", 0, count) },
    graceMs: integerField(fields, "graceMs", 0, count),
    graceLeftMs: integerField(fields, "graceLeftMs", 0, count),
    connections: {
      open: integerField(connections, "open", 0, count),
      total: integerField(connections, "total", 0, count),
    },
    bytes: { in: integerField(bytes, "in", 0, count), out: integerField(bytes, "out", 0, count) },
    ports: integerListField(fields, "ports", maxPort, 1, maxPort),
  };
}
