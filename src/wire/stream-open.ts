import {
  type Fields,
  integerField,
  maxPort,
  optionalBooleanField,
  optionalIntegerField,
  parseFields,
  stringField,
} from "./fields.ts";
import { maxOpenBytes } from "./frame.ts";
import { WireError } from "./wire-error.ts";

/** What a stream is for. Either side skips kinds that it does not know: see `parseStreamOpen`. */
export type StreamOpen =
  /** Client: control messages, one JSON object a line each way. Opened once, first. */
  | { kind: "control" }
  /** Client: the agent writes the container's environment (NAME=VALUE, each ended by NUL) and ends. */
  | { kind: "environment" }
  /**
   * Client: a TCP connection out of the pod; `host` is an address or a name. It is open at once, and reset with a code
   * when the pod cannot connect. With `confirm` the agent writes one zero byte, before all others, when it has connected.
   */
  | { kind: "dial"; host: string; port: number; confirm?: boolean }
  /** Client: datagrams (src/datagram-frame.ts) to and from one UDP peer of the pod; ended after `idleMs` of silence. */
  | { kind: "udp"; host: string; port: number; idleMs?: number }
  /** Client: DNS messages, framed as over TCP (RFC 1035, 4.2.2), for the pod's nameservers. */
  | { kind: "dns" }
  /** Client: the agent writes a PodWorld (src/wire/pod-world.ts) and ends. */
  | { kind: "world" }
  /** Client: SFTP version 3 (draft-ietf-secsh-filexfer-02) over the container's files. */
  | { kind: "sftp" }
  /** Agent: a connection that arrived at a port of the pod. */
  | { kind: "inbound"; port: number; remoteAddress: string; remotePort: number }
  /** Agent: datagrams (src/datagram-frame.ts) from and to one peer that sent some to a port of the pod. */
  | { kind: "inbound-udp"; port: number; remoteAddress: string; remotePort: number };

/** Longest host of a dial, in characters: a name of 253 (RFC 1035, 2.3.4) with its dot, or an address with its zone. */
const maxHost = 256;

/** Bounds and default of a UDP flow's idle time-out, in ms. */
export const udpIdleMs = { min: 10, default: 60_000, max: 3_600_000 } as const;

/** UTF-8 JSON, at most 4 KiB: else WireError. */
export function encodeStreamOpen(open: StreamOpen): Buffer {
  const bytes = Buffer.from(JSON.stringify(open));
  if (bytes.length > maxOpenBytes) throw new WireError(`the opening of a ${open.kind} stream is too long`);
  return bytes;
}

/** The opening in a frame's payload; undefined for a kind that this version does not know. Throws WireError. */
export function parseStreamOpen(payload: Buffer): StreamOpen | undefined {
  const fields = parseFields(payload.toString("utf8"), "the opening of a stream");
  const kind = stringField(fields, "kind", 64);
  switch (kind) {
    case "control":
    case "environment":
    case "dns":
    case "world":
    case "sftp":
      return { kind };
    case "dial": {
      const confirm = optionalBooleanField(fields, "confirm");
      return { kind, ...destination(fields), ...(confirm !== undefined && { confirm }) };
    }
    case "udp": {
      const idleMs = optionalIntegerField(fields, "idleMs", udpIdleMs.min, udpIdleMs.max);
      return { kind, ...destination(fields), ...(idleMs !== undefined && { idleMs }) };
    }
    case "inbound":
    case "inbound-udp":
      return {
        kind,
        port: integerField(fields, "port", 1, maxPort),
        remoteAddress: stringField(fields, "remoteAddress", 128),
        remotePort: integerField(fields, "remotePort", 0, maxPort),
      };
    default:
      return undefined;
  }
}

function destination(fields: Fields): { host: string; port: number } {
  return { host: stringField(fields, "host", maxHost), port: integerField(fields, "port", 1, maxPort) };
}
