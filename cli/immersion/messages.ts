import type { InnerPlan } from "./plan.ts";

/** An address and port, as text and number. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What the command tells the program inside the namespaces, over Node's IPC channel. */
export type ToInner =
  | { readonly type: "start"; readonly plan: InnerPlan }
  /** Connect to a port of the namespaces' own loopback, or of the pod's address; the socket comes back by "dialed". */
  | { readonly type: "dial"; readonly id: number; readonly port: number }
  /** Make a UDP socket on the namespaces' loopback; it comes back by "dialed". */
  | { readonly type: "dial-udp"; readonly id: number }
  /** With a socket on which the pod's files are served anew. */
  | { readonly type: "files" }
  | { readonly type: "signal"; readonly signal: NodeJS.Signals };

/** What the program inside answers; the first four, and "dialed" without an error, carry a socket. */
export type FromInner =
  /** A TCP server: its connections' local address is where the local process wanted to go. */
  | { readonly type: "tcp" }
  /** A UDP socket bound to the pod's nameserver, port 53. */
  | { readonly type: "dns" }
  /** A UDP socket bound to `to`, for the flow that `from` has begun with `data` (base64). */
  | { readonly type: "udp"; readonly id: number; readonly from: Endpoint; readonly to: Endpoint; readonly data: string }
  /** A further datagram of a flow, read before the flow's own socket was ready. */
  | { readonly type: "udp-more"; readonly id: number; readonly data: string }
  | { readonly type: "dialed"; readonly id: number; readonly error?: string }
  | { readonly type: "started"; readonly pid: number; readonly milliseconds: Readonly<Record<string, number>> }
  /** The namespaces could not be prepared, or the command cannot run (`code` of execve(2)). */
  | { readonly type: "failed"; readonly step: string; readonly message: string; readonly code?: string }
  | { readonly type: "exited"; readonly status: number };
