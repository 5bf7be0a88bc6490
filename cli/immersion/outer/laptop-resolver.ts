import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { DatagramDecoder, frameDatagram } from "../../../src/datagram-frame.ts";
import type { AskDns } from "./dns-tunnel.ts";

const timeoutMs = 3_000;

/** Asks the laptop's own resolvers, one after the other, by UDP and by TCP where an answer is too long for it. */
export function laptopResolver(nameservers: readonly string[]): AskDns {
  return async (query) => {
    let why: unknown = new Error("the laptop has no resolver");
    for (const server of nameservers.slice(0, 3)) {
      try {
        const answer = await askByUdp(server, query);
        const truncated = ((answer[2] ?? 0) & 0x02) !== 0;
        return truncated ? await askByTcp(server, query) : answer;
      } catch (error) {
        why = error;
      }
    }
    throw why;
  };
}

async function askByUdp(server: string, query: Buffer): Promise<Buffer> {
  const socket = createSocket(isIPv6(server) ? "udp6" : "udp4");
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    socket.connect(53, server);
    await once(socket, "connect", { signal });
    socket.send(query);
    for (;;) {
      const [answer] = (await once(socket, "message", { signal })) as [Buffer];
      if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) return answer;
    }
  } finally {
    socket.close();
  }
}

async function askByTcp(server: string, query: Buffer): Promise<Buffer> {
  const socket = connect({ host: server, port: 53 });
  try {
    return await new Promise((resolve, reject) => {
      const decoder = new DatagramDecoder((answer) => resolve(Buffer.from(answer)));
      socket.setTimeout(timeoutMs, () => reject(new Error(`${server} did not answer`)));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`${server} has closed the connection`)));
      socket.on("data", (bytes) => decoder.write(bytes));
      const frame = frameDatagram(query);
      if (frame) socket.write(Buffer.from(frame));
    });
  } finally {
    socket.destroy();
  }
}
