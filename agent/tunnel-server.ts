import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { type AgentHandshakeOptions, shakeHandsAsAgent } from "../src/tunnel/agent-handshake.ts";
import { log } from "./last-words.ts";

/** Visitors in the middle of their handshake at once; one more sends the oldest away. */
const maxVisitors = 32;

/** The door of the tunnel: on the pod's loopback, which a port-forward reaches. Who has proven the session is let in. */
export class TunnelServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: AgentHandshakeOptions;
  readonly #onProven: (connection: Socket) => void;
  readonly #visitors = new Set<Socket>();

  private constructor(server: Server, options: AgentHandshakeOptions, onProven: (connection: Socket) => void) {
    this.#server = server;
    this.#options = options;
    this.#onProven = onProven;
    server.on("connection", (socket: Socket) => void this.#receive(socket));
    server.on("error", (error) => log(`tunnel port: ${error.message}`));
  }

  /** Rejects with the system's error. */
  static async listen(
    port: number,
    options: AgentHandshakeOptions,
    onProven: (connection: Socket) => void,
  ): Promise<TunnelServer> {
    const server = createServer({ noDelay: true });
    server.listen({ port, host: "127.0.0.1" });
    await once(server, "listening");
    return new TunnelServer(server, options, onProven);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const visitor of this.#visitors) visitor.destroy();
    this.#server.close();
  }

  async #receive(socket: Socket): Promise<void> {
    if (this.#visitors.size >= maxVisitors) {
      for (const oldest of this.#visitors) {
        oldest.destroy();
        break;
      }
    }
    this.#visitors.add(socket);
    socket.once("close", () => this.#visitors.delete(socket));
    const result = await shakeHandsAsAgent(socket, this.#options);
    this.#visitors.delete(socket);
    if (result.how === "proven") this.#onProven(socket);
    else if (result.how === "refused") log(`refused a client: ${result.reason}`);
  }
}
