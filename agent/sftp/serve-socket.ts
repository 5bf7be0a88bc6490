import type { Socket } from "node:net";
import type { RelaySocket } from "../../src/relay-socket.ts";
import { WireError } from "../../src/wire/wire-error.ts";
import { log } from "../last-words.ts";
import { type SftpOutput, SftpServer } from "./server.ts";

/** Answers that may wait for the socket, in bytes, before requests have to wait; one more answer may follow. */
const maxWaiting = 262_144;

/** Serves SFTP on the connection until it ends; `onDone` is called once. */
export function serveSocket(connection: RelaySocket, onDone: () => void): void {
  const { socket } = connection;
  const server = new SftpServer(new SocketOutput(socket), log);
  const guarded = (serve: () => boolean): boolean => {
    try {
      return serve();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      log(`SFTP: ${error.message}`);
      socket.destroy();
      return false;
    }
  };
  socket.on("drain", () => {
    if (guarded(() => server.resume())) connection.resume();
  });
  socket.on("end", () => socket.end());
  socket.on("error", (error) => log(`SFTP: ${error.message}`));
  socket.on("close", () => {
    server[Symbol.dispose]();
    onDone();
  });
  connection.read((bytes) => guarded(() => server.take(bytes)));
}

/** Gathers the answers to what came together into one system call. */
class SocketOutput implements SftpOutput {
  readonly #socket: Socket;
  #corked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get full(): boolean {
    return this.#socket.writableLength > maxWaiting;
  }

  write(packet: Buffer, onSent?: () => void): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(packet, onSent);
  }
}
