import { once } from "node:events";
import type { Server } from "node:net";

/** As many connections as the kernel lets wait before we accept them. */
const backlog = 4_096;

/** Listens on all addresses of both families, or of IPv4 where the pod has no IPv6. Rejects with the system's error. */
export async function listenEverywhere(server: Server, port: number): Promise<void> {
  try {
    await listen(server, port, "::");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL" && code !== "EINVAL") throw error;
    await listen(server, port, "0.0.0.0");
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen({ port, host, backlog });
  await once(server, "listening");
}
