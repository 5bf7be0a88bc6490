import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { DatagramDecoder, frameDatagram } from "../../src/datagram-frame.ts";

/** What the server does with one query: the messages that it sends, in order. */
export type DnsScript = (query: Buffer, protocol: "udp" | "tcp") => readonly Buffer[];

export interface DnsServer extends AsyncDisposable {
  port: number;
  queries: { udp: number; tcp: number };
  /** Ports that UDP queries came from. */
  ports: Set<number>;
}

/** A nameserver on UDP and TCP of one port. */
export async function dnsServer(script: DnsScript, address = "127.0.0.1", port = 0): Promise<DnsServer> {
  const queries = { udp: 0, tcp: 0 };
  const ports = new Set<number>();
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket.on("error", () => sockets.delete(socket)));
    const decoder = new DatagramDecoder((asked) => {
      queries.tcp += 1;
      for (const answer of script(asked, "tcp")) socket.write(Buffer.from(frameDatagram(answer)!));
    });
    socket.on("data", (bytes: Buffer) => decoder.write(bytes));
  });
  const udp = await listenOnBoth(tcp, address, port);
  udp.on("message", (asked: Buffer, from: RemoteInfo) => {
    queries.udp += 1;
    ports.add(from.port);
    for (const answer of script(asked, "udp")) udp.send(answer, from.port, from.address);
  });
  return {
    port: udp.address().port,
    queries,
    ports,
    [Symbol.asyncDispose]: async () => {
      udp.close();
      for (const socket of sockets) socket.destroy();
      tcp.close();
      await once(tcp, "close");
    },
  };
}

/** Some port may be free for the one protocol only. */
async function listenOnBoth(tcp: Server, address: string, port: number): Promise<UdpSocket> {
  for (;;) {
    tcp.listen(port, address);
    await once(tcp, "listening");
    const udp = createSocket("udp4").bind((tcp.address() as { port: number }).port, address);
    try {
      await once(udp, "listening");
      return udp;
    } catch (error) {
      if (port !== 0) throw error;
      udp.close();
      await new Promise((resolve) => tcp.close(resolve));
    }
  }
}

/** A query for the A record of the name. */
export function query(id: number, name: string): Buffer {
  const labels = name.split(".").map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([
    Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
}

/** The query's answer: its own bytes as a response, with the code, and something to tell it by behind. */
export function answerTo(asked: Buffer, { rcode = 0, truncated = false, tail = "" } = {}): Buffer {
  const answer = Buffer.concat([asked, Buffer.from(tail)]);
  answer[2] = 0x80 | (answer[2]! & 0x79) | (truncated ? 2 : 0);
  answer[3] = rcode;
  return answer;
}
