import type { Socket as UdpSocket } from "node:dgram";
import { DatagramStream, type Backlog } from "../../../src/datagram-stream.ts";
import type { MuxStream } from "../../../src/tunnel/stream.ts";

const backlog: Backlog = { max: 4 << 20, used: 0 };

/** Joins the datagrams of one peer of the pod with a socket that is connected to the local process. */
export function joinDatagrams(stream: MuxStream, socket: UdpSocket): void {
  const datagrams = new DatagramStream(
    stream,
    {
      onDatagram: (datagram) => socket.send(Buffer.from(datagram), () => undefined),
      onClose: () => socket.close(),
    },
    backlog,
  );
  socket.on("message", (datagram) => void datagrams.send(datagram));
  // Nobody listens any more: as on a network, datagrams are lost.
  socket.on("error", () => undefined);
}
