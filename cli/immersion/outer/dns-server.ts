import type { Socket as UdpSocket } from "node:dgram";
import type { Socket } from "node:net";
import { DatagramDecoder, frameDatagram } from "../../../src/datagram-frame.ts";
import { fitForUdp } from "../dns-message.ts";
import type { Resolver } from "./resolver.ts";

/** Answers questions that arrive at a UDP socket from inside. */
export function serveDnsByUdp(socket: UdpSocket, resolver: Resolver): void {
  // Such as the answer to a program that has ended meanwhile: ICMP says so.
  socket.on("error", () => undefined);
  socket.on("message", (query, from) => {
    void resolver.resolve(query).then((answer) => {
      if (answer !== undefined) socket.send(fitForUdp(query, answer), from.port, from.address, () => undefined);
    });
  });
}

/** Answers questions that arrive on a TCP connection (RFC 1035, 4.2.2). */
export function serveDnsByTcp(socket: Socket, resolver: Resolver): void {
  const decoder = new DatagramDecoder((datagram) => {
    const query = Buffer.from(datagram);
    void resolver.resolve(query).then((answer) => {
      const frame = answer === undefined ? undefined : frameDatagram(answer);
      if (frame === undefined) socket.destroy();
      else if (!socket.destroyed) socket.write(Buffer.from(frame));
    });
  });
  socket.on("data", (bytes) => decoder.write(bytes));
  socket.on("end", () => socket.end());
  socket.resume();
}
