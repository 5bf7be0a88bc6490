import { RelaySocket } from "../../src/relay-socket.ts";
import { serveSocket } from "./serve-socket.ts";

/** The first of the connections that the agent hands over: after stdin, stdout and stderr. */
export const firstFd = 3;

/** What `agent sftp N` does: serves N connections, given as open files, and returns when all have ended. */
export async function serve([count]: readonly string[]): Promise<number> {
  // The client names modes; its own umask has been applied to them.
  process.umask(0);
  const connections = Array.from({ length: Number(count) }, (_, index) => RelaySocket.open(firstFd + index));
  await Promise.all(connections.map((connection) => new Promise<void>((resolve) => serveSocket(connection, resolve))));
  return 0;
}
