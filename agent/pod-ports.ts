import type { Mux } from "../src/tunnel/mux.ts";
import type { AgentMessage, ClientMessage } from "../src/wire/control-message.ts";
import { PodPort, type PortHost } from "./pod-port.ts";

type Listen = Extract<ClientMessage, { type: "listen" }>;

/** The open ports of the pod. A client names each by a number of its own; a later client names them anew. */
export class PodPorts {
  readonly #host: PortHost;
  readonly #ports = new Map<number, Promise<PodPort>>();
  #named = new Map<number, number>();
  #closed = false;

  constructor(host: PortHost) {
    this.#host = host;
  }

  get numbers(): number[] {
    return [...this.#ports.keys()].toSorted((a, b) => a - b);
  }

  /** Opens the port, or takes it over as it is; the answer is for the client. */
  async listen({ id, port }: Listen, client: Mux): Promise<AgentMessage> {
    if (this.#closed) return { type: "listen-failed", id, code: "ECANCELED", message: "the agent is leaving" };
    const opening = this.#ports.get(port) ?? PodPort.open(port, this.#host);
    this.#ports.set(port, opening);
    this.#named.set(id, port);
    try {
      const opened = await opening;
      if (this.#ports.get(port) !== opening) opened.close();
      else if (client.ended === undefined) opened.serve(client);
      return { type: "listening", id };
    } catch (error) {
      if (this.#ports.get(port) === opening) this.#ports.delete(port);
      const { code = "EUNKNOWN", message } = error as NodeJS.ErrnoException;
      return { type: "listen-failed", id, code, message };
    }
  }

  async unlisten(id: number): Promise<void> {
    const port = this.#named.get(id);
    if (port === undefined) return;
    this.#named.delete(id);
    const opening = this.#ports.get(port);
    this.#ports.delete(port);
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

  async #opened(): Promise<PodPort[]> {
    const settled = await Promise.allSettled(this.#ports.values());
    return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }
}
