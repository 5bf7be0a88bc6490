import type { Mux } from "../src/tunnel/mux.ts";
import type { AgentMessage, ClientMessage } from "../src/wire/control-message.ts";
import { type OpenPort, PodPort, type PortHost } from "./pod-port.ts";
import { PodUdpPort } from "./pod-udp-port.ts";

type Listen = Extract<ClientMessage, { type: "listen" }>;

/** The open ports of the pod. A client names each by a number of its own; a later client names them anew. */
export class PodPorts {
  readonly #host: PortHost;
  readonly #ports = new Map<string, Promise<OpenPort>>();
  /** Ids to keys of `#ports`. */
  #named = new Map<number, string>();
  #closed = false;

  constructor(host: PortHost) {
    this.#host = host;
  }

  /** Each once, whatever its protocols and addresses. */
  get numbers(): number[] {
    const numbers = [...this.#ports.keys()].map((key) => Number(key.split(" ", 1)[0]));
    return [...new Set(numbers)].toSorted((a, b) => a - b);
  }

  /** Opens the port, or takes it over as it is; the answer is for the client. */
  async listen({ id, port, protocol = "tcp", address = "any" }: Listen, client: Mux): Promise<AgentMessage> {
    if (this.#closed) return { type: "listen-failed", id, code: "ECANCELED", message: "the agent is leaving" };
    const key = `${port} ${protocol} ${address}`;
    const kind = protocol === "udp" ? PodUdpPort : PodPort;
    const opening = this.#ports.get(key) ?? kind.open(port, address, this.#host);
    this.#ports.set(key, opening);
    this.#named.set(id, key);
    try {
      const opened = await opening;
      if (this.#ports.get(key) !== opening) opened.close();
      else if (client.ended === undefined) opened.serve(client);
      return { type: "listening", id };
    } catch (error) {
      if (this.#ports.get(key) === opening) this.#ports.delete(key);
      const { code = "EUNKNOWN", message } = error as NodeJS.ErrnoException;
      return { type: "listen-failed", id, code, message };
    }
  }

  async unlisten(id: number): Promise<void> {
    const key = this.#named.get(id);
    if (key === undefined) return;
    this.#named.delete(id);
    const opening = this.#ports.get(key);
    this.#ports.delete(key);
    (await opening?.catch(() => undefined))?.close();
  }

  /** This client serves no more; its ports hold their connections. */
  async leave(client: Mux): Promise<void> {
    this.#named = new Map();
    for (const port of await this.#opened()) port.leave(client);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opened();
    this.#ports.clear();
    for (const port of opened) port.close();
  }

  async #opened(): Promise<OpenPort[]> {
    const settled = await Promise.allSettled(this.#ports.values());
    return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }
}
