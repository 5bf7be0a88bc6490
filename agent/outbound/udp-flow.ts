import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Backlog, DatagramStream } from "../../src/datagram-stream.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { type StreamOpen, udpIdleMs } from "../../src/wire/stream-open.ts";
import { resetCodeOf } from "./reset-code-of.ts";

/** Datagrams that may wait for the system at once; more are dropped. */
const maxSends = 64;
/** Datagrams that may wait for the peer's name to be resolved. */
const maxEarly = 16;

/** Datagrams between a stream and one UDP peer of the pod, until either side ends it or it has been idle. */
export class UdpFlow {
  readonly #datagrams: DatagramStream;
  readonly #idle: NodeJS.Timeout;
  readonly #onDone: () => void;
  #socket: Socket | undefined;
  #sends = 0;
  /** What came before the socket was ready: the first datagram of a flow must not be lost for a name's sake. */
  #early: Buffer[] | undefined = [];
  #done = false;

  constructor(open: Extract<StreamOpen, { kind: "udp" }>, stream: MuxStream, backlog: Backlog, onDone: () => void) {
    this.#onDone = onDone;
    this.#idle = setTimeout(() => this.#datagrams.end(), open.idleMs ?? udpIdleMs.default);
    this.#datagrams = new DatagramStream(
      stream,
      { onDatagram: (datagram) => this.#send(datagram), onClose: () => this.#close() },
      backlog,
    );
    void this.#connect(open);
  }

  /** Datagrams for the client that the tunnel did not take. */
  get dropped(): number {
    return this.#datagrams.dropped;
  }

  async #connect({ host, port }: Extract<StreamOpen, { kind: "udp" }>): Promise<void> {
    try {
      const version = isIP(host);
      const { address, family } = version === 0 ? await lookup(host) : { address: host, family: version };
      if (this.#done) return;
      const socket = createSocket(family === 6 ? "udp6" : "udp4");
      this.#socket = socket;
      socket.on("error", (error) => this.#datagrams.reset(resetCodeOf(error)));
      socket.on("message", (datagram) => {
        this.#idle.refresh();
        this.#datagrams.send(datagram);
      });
      socket.once("connect", () => {
        const early = this.#early ?? [];
        this.#early = undefined;
        for (const datagram of early) this.#send(datagram);
      });
      socket.connect(port, address);
    } catch (error) {
      this.#datagrams.reset(error instanceof Error ? resetCodeOf(error) : resetCode.cancelled);
    }
  }

  #send(datagram: Buffer): void {
    this.#idle.refresh();
    if (this.#early !== undefined) {
      if (this.#early.length < maxEarly) this.#early.push(Buffer.from(datagram));
      return;
    }
    if (this.#socket === undefined || this.#sends >= maxSends) return;
    this.#sends += 1;
    this.#socket.send(Buffer.from(datagram), (error) => {
      this.#sends -= 1;
      // One that is too large for the way is lost as any other; the rest of the errors mean all that follow too.
      if (error && (error as NodeJS.ErrnoException).code !== "EMSGSIZE") this.#datagrams.reset(resetCodeOf(error));
    });
  }

  #close(): void {
    if (this.#done) return;
    this.#done = true;
    clearTimeout(this.#idle);
    this.#early = undefined;
    this.#socket?.close();
    this.#onDone();
  }
}
