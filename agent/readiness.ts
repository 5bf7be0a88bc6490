import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listenTcp } from "./listen.ts";

/** How long an answer of "not ready" is held back, in ms: below the probe's timeout of 5 s. */
const holdMs = 4_000;
/** The probes of the pod's containers, and some strangers of the pod network. */
const maxConnections = 256;

/**
 * What the kubelet hears of this pod. `/live` is always well. `/ready` is as the client says; while it is not, the
 * answer is held for a while, so that the kubelet hears of readiness when it comes and not at its next probe.
 */
export class Readiness implements AsyncDisposable {
  readonly #servers: readonly Server[];
  readonly #held = new Map<ServerResponse, NodeJS.Timeout>();
  #ready = false;

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
    for (const server of servers) {
      server.maxConnections = maxConnections;
      server.on("request", (request, response) => this.#answer(request, response));
    }
  }

  /** Rejects with the system's error. */
  static async listen(port: number): Promise<Readiness> {
    const limits = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 16_384 };
    return new Readiness(await listenTcp(() => createServer(limits), port, "any"));
  }

  get ready(): boolean {
    return this.#ready;
  }

  set ready(ready: boolean) {
    this.#ready = ready;
    if (ready) for (const response of this.#held.keys()) this.#release(response);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const response of this.#held.keys()) this.#release(response);
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A hidden keep-alive connection would hold one of few places.
    response.setHeader("connection", "close");
    request.resume();
    const path = request.url?.split("?", 1)[0];
    if (path === "/live") end(response, 200, "alive");
    else if (path !== "/ready") end(response, 404, "no such page");
    else if (this.#ready) end(response, 200, "ready");
    else this.#hold(response);
  }

  #hold(response: ServerResponse): void {
    this.#held.set(
      response,
      setTimeout(() => this.#release(response), holdMs),
    );
    response.on("close", () => this.#drop(response));
  }

  #release(response: ServerResponse): void {
    this.#drop(response);
    if (this.#ready) end(response, 200, "ready");
    else end(response, 503, "not ready");
  }

  #drop(response: ServerResponse): void {
    clearTimeout(this.#held.get(response));
    this.#held.delete(response);
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain" }).end(`${text}\n`);
}
