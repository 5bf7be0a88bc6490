import { connect } from "node:net";
import { DatagramDecoder, frameDatagram } from "../../src/datagram-frame.ts";
import { answers, messageId } from "./dns-message.ts";

/** Asks over a connection of its own (RFC 7766). Rejects on silence or failure. */
export async function askByTcp(
  server: string,
  port: number,
  query: Buffer,
  question: Buffer,
  timeoutMs: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect({ host: server, port, noDelay: true });
  const timer = setTimeout(() => reject(new Error("no answer in time")), timeoutMs);
  const decoder = new DatagramDecoder((answer) => {
    if (answers(answer, messageId(query), question)) resolve(Buffer.from(answer));
  });
  socket.on("data", (bytes: Buffer) => decoder.write(bytes));
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed before the answer")));
  socket.on("connect", () => {
    const frame = frameDatagram(query);
    if (frame !== undefined) socket.write(Buffer.from(frame));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
