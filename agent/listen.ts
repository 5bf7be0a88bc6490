import { once } from "node:events";
import type { Socket } from "node:dgram";
import type { Server } from "node:net";
import type { ListenAddress } from "../src/wire/control-message.ts";

/** As many connections as the kernel lets wait before we accept them. */
const backlog = 4_096;

/** Both families; `any` takes them with one socket, as long as the pod has IPv6. */
const hosts: Readonly<Record<ListenAddress, readonly string[]>> = {
  any: ["::"],
  loopback: ["127.0.0.1", "::1"],
};

/**
 * Listens on the addresses of both families, or of IPv4 where the pod has no IPv6. `make` gives a server for each
 * address. Rejects with the system's error, nothing left open.
 */
export async function listenTcp<T extends Server>(make: () => T, port: number, address: ListenAddress): Promise<T[]> {
  return await openAll(address, async (host) => {
    const server = make();
    server.listen({ port, host, backlog });
    await once(server, "listening");
    return server;
  });
}

/** As `listenTcp`, for datagrams. */
export async function bindUdp(make: (host: string) => Socket, port: number, address: ListenAddress): Promise<Socket[]> {
  return await openAll(address, async (host) => {
    const socket = make(host);
    try {
      socket.bind({ port, address: host });
      await once(socket, "listening");
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  });
}

interface Closable {
  close(): unknown;
}

async function openAll<T extends Closable>(address: ListenAddress, open: (host: string) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  try {
    for (const host of hosts[address]) {
      const one = await unlessWithoutIPv6(host, open);
      if (one !== undefined) opened.push(one);
    }
    // Without IPv6 the one socket for both families could not be had.
    return opened.length > 0 ? opened : [await open("0.0.0.0")];
  } catch (error) {
    for (const one of opened) one.close();
    throw error;
  }
}

async function unlessWithoutIPv6<T>(host: string, open: (host: string) => Promise<T>): Promise<T | undefined> {
  try {
    return await open(host);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const missing = code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL" || code === "EINVAL";
    if (!missing || !host.includes(":")) throw error;
    return undefined;
  }
}
