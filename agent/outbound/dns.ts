import { type Backlog, DatagramStream } from "../../src/datagram-stream.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { DnsForwarder } from "./dns-forwarder.ts";

/** Answers the queries of a stream, each when its answer is there. */
export function serveDns(stream: MuxStream, forwarder: DnsForwarder, backlog: Backlog): void {
  const datagrams: DatagramStream = new DatagramStream(
    stream,
    {
      onDatagram: (query) => {
        void forwarder.answer(Buffer.from(query)).then((answer) => answer && datagrams.send(answer));
      },
      onClose: () => undefined,
    },
    backlog,
  );
}
