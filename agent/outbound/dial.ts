import { relay } from "../../src/relay.ts";
import { RelaySocket } from "../../src/relay-socket.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { StreamOpen } from "../../src/wire/stream-open.ts";
import { resetCodeOf } from "./reset-code-of.ts";

/** How long a connection may take, in ms. */
const connectMs = 30_000;
/** How long one of several addresses of a name may take before the next one is tried, in ms. */
const addressMs = 1_000;

/** Connects from the pod and joins the connection with the stream, which takes bytes meanwhile. */
export function dial(
  { host, port, confirm = false }: Extract<StreamOpen, { kind: "dial" }>,
  stream: MuxStream,
  timeoutMs: number = connectMs,
): void {
  const out = RelaySocket.connect({ host, port, autoSelectFamilyAttemptTimeout: addressMs });
  const tcp = out.socket;
  const timer = setTimeout(() => {
    tcp.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }));
  }, timeoutMs);
  tcp.once("connect", () => {
    clearTimeout(timer);
    if (confirm) stream.write(Buffer.alloc(1));
  });
  tcp.once("close", () => clearTimeout(timer));
  relay(out, stream, undefined, resetCodeOf);
}
