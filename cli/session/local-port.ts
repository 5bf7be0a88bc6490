import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { RelaySocket } from "../../src/relay-socket.ts";

const loopbacks = ["127.0.0.1", "::1"] as const;
const firstRetryMs = 5;
const maxRetryMs = 100;

/**
 * Connects to whatever listens on the laptop's loopback at `port`, IPv4 first.
 * @returns undefined when nothing listens there before the deadline or the signal.
 */
export async function dialLocal(
  port: number,
  options: { holdMs: number; signal: AbortSignal; onHeld: () => void },
): Promise<RelaySocket | undefined> {
  const deadline = performance.now() + options.holdMs;
  let wait = firstRetryMs;
  for (let attempt = 0; ; attempt++) {
    for (const host of loopbacks) {
      const socket = await dial(host, port);
      if (socket) return socket;
    }
    if (attempt === 0) options.onHeld();
    if (options.signal.aborted || performance.now() + wait > deadline) return undefined;
    await delay(wait, undefined, { signal: options.signal }).catch(() => undefined);
    wait = Math.min(wait * 2, maxRetryMs);
  }
}

function dial(host: string, port: number): Promise<RelaySocket | undefined> {
  return new Promise((resolve) => {
    const socket = RelaySocket.connect({ host, port });
    const onError = (): void => resolve(undefined);
    socket.socket.once("error", onError);
    socket.socket.once("connect", () => {
      socket.socket.off("error", onError);
      resolve(socket);
    });
  });
}

/** Whether a program listens on TCP `port` of the loopback or of every address. Linux only looks; others connect. */
export async function isListening(port: number): Promise<boolean> {
  const tables = await readListenTables();
  if (tables === undefined) {
    const socket = (await dial(loopbacks[0], port)) ?? (await dial(loopbacks[1], port));
    socket?.socket.destroy();
    return socket !== undefined;
  }
  return tables.some((table) => listensIn(table, port));
}

const listenState = "0A";
const reachable = new Set(["0100007F", "00000000", "00000000000000000000000001000000", "0".repeat(32)]);

/** @param table the text of /proc/net/tcp or tcp6 (proc_pid_net(5)). */
export function listensIn(table: string, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, localPort] = local?.split(":") ?? [];
    return state === listenState && localPort === wanted && reachable.has(address ?? "");
  });
}

async function readListenTables(): Promise<string[] | undefined> {
  if (process.platform !== "linux") return undefined;
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  return tables[0] === "" ? undefined : tables;
}

/** Whether a server could be opened on the loopback's `port` now. */
export async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
