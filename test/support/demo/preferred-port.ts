import { once } from "node:events";
import { createServer } from "node:net";
import { freePort } from "../free-port.ts";

/** The port that the tutorial names where nobody has it, else another that is free. */
export async function preferredPort(port: number): Promise<number> {
  const server = createServer().listen({ port, host: "127.0.0.1", exclusive: true });
  try {
    await once(server, "listening");
  } catch {
    return await freePort(); // whatever keeps us from it
  }
  server.close();
  await once(server, "close");
  return port;
}
