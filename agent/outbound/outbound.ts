import type { Backlog } from "../../src/datagram-stream.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../src/wire/stream-open.ts";
import { dial } from "./dial.ts";
import { DnsForwarder } from "./dns-forwarder.ts";
import { serveDns } from "./dns.ts";
import { parseNameservers, readResolvConf } from "./resolv-conf.ts";
import { UdpFlow } from "./udp-flow.ts";

export type OutboundOpen = Extract<StreamOpen, { kind: "dial" | "dns" | "udp" }>;

/** UDP flows out of the pod at once. */
const maxFlows = 1_024;

/** What the local process reaches from the pod: TCP, UDP and names. One for all clients of the session. */
export class Outbound implements Disposable {
  readonly #backlog: Backlog;
  readonly #forwarder = new DnsForwarder({ servers: parseNameservers(readResolvConf()) });
  readonly #flows = new Set<UdpFlow>();

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
  }

  serve(open: OutboundOpen, stream: MuxStream): void {
    switch (open.kind) {
      case "dial":
        return dial(open, stream);
      case "dns":
        return serveDns(stream, this.#forwarder, this.#backlog);
      case "udp":
        return this.#openFlow(open, stream);
    }
  }

  [Symbol.dispose](): void {
    this.#forwarder[Symbol.dispose]();
  }

  #openFlow(open: Extract<StreamOpen, { kind: "udp" }>, stream: MuxStream): void {
    if (this.#flows.size >= maxFlows) return stream.reset(resetCode.overloaded);
    const flow = new UdpFlow(open, stream, this.#backlog, () => this.#flows.delete(flow));
    if (stream.closed === undefined) this.#flows.add(flow);
  }
}
