import http from "node:http";
import https from "node:https";
import { SwapError } from "../../src/error.ts";
import { ApiError, toRefusal, toUnreachable, type Status } from "./api-error.ts";
import type { Connection } from "./connection.ts";

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly signal?: AbortSignal | undefined;
}

/** The answers to one list request of the API server. */
export interface List<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: T[];
}

/**
 * The API server as JSON in and JSON out. client-node's typed calls drop the fields that its own version does not know;
 * an agent pod must be the template to the last field, so objects stay as the server sent them. Credentials, proxies and
 * exec plugins are client-node's.
 * Every call throws a SwapError: unreachable, forbidden, not-found, conflict or refused, with an ApiError as its cause.
 */
export class KubeClient {
  readonly connection: Connection;
  #agent: http.Agent | undefined;
  /** Server's clock less ours, in ms, from the Date header of the last answer (±1 s). */
  #clockSkewMs = 0;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Now, in ms since the epoch, by the API server's clock. */
  serverNow(): number {
    return Date.now() + this.#clockSkewMs;
  }

  get<T>(path: string, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>("GET", path, undefined, options);
  }

  create<T>(path: string, body: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>("POST", path, body, options);
  }

  /** A JSON merge patch (RFC 7396). */
  patch<T>(path: string, body: unknown, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>("PATCH", path, body, options, "application/merge-patch+json");
  }

  delete<T>(path: string, body: unknown = {}, options: RequestOptions = {}): Promise<T> {
    return this.#json<T>("DELETE", path, body, options);
  }

  /** All pages of a list, 500 objects a page. */
  async list<T>(path: string, options: RequestOptions = {}): Promise<List<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page: List<T> = await this.get(path, {
        ...options,
        query: { limit: 500, ...options.query, continue: next },
      });
      items.push(...page.items);
      next = page.metadata.continue || undefined;
      if (next === undefined) return { metadata: page.metadata, items };
    }
  }

  /** The raw answer as it comes; the caller reads or destroys it. Watches and logs use this. */
  async stream(path: string, options: RequestOptions = {}): Promise<http.IncomingMessage> {
    const response = await this.#send("GET", path, undefined, options);
    if (response.statusCode === 200) return response;
    throw toRefusal(response.statusCode ?? 0, parseStatus(response.statusCode ?? 0, await readText(response)));
  }

  /** Host, TLS material and authorization for a request made by other means: the WebSocket of a port-forward. */
  async requestOptions(): Promise<https.RequestOptions> {
    const options: https.RequestOptions = {};
    try {
      await this.connection.kubeconfig.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new SwapError("forbidden", `no credentials for the cluster: ${(cause as Error).message}`, {
        hint: "the kubeconfig's user could not log in; try `kubectl auth whoami`",
        cause,
      });
    }
    // client-node's agent makes a connection a request. Ours keeps them, unless a proxy needs client-node's own.
    if (!this.connection.kubeconfig.getCurrentCluster()?.proxyUrl) {
      this.#agent ??=
        this.connection.server.protocol === "https:"
          ? new https.Agent({ keepAlive: true })
          : new http.Agent({ keepAlive: true });
      options.agent = this.#agent;
    }
    options.headers = { ...(options.headers as http.OutgoingHttpHeaders), ...this.connection.impersonation };
    return options;
  }

  url(path: string, query: Query = {}): URL {
    const { server } = this.connection;
    const url = new URL(server.pathname.replace(/\/$/, "") + path, server);
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.append(key, String(value));
    }
    return url;
  }

  async #json<T>(
    method: string,
    path: string,
    body: unknown,
    options: RequestOptions,
    type = "application/json",
  ): Promise<T> {
    const timeout = this.connection.requestTimeoutMs;
    const deadline = timeout > 0 ? AbortSignal.timeout(timeout) : undefined;
    const signals = [options.signal, deadline].filter((signal) => signal !== undefined);
    const signal = AbortSignal.any(signals);
    const response = await this.#send(method, path, body, { ...options, signal }, type);
    const status = response.statusCode ?? 0;
    let text: string;
    try {
      text = await readText(response);
    } catch (error) {
      throw this.#failure(error as NodeJS.ErrnoException, signal);
    }
    if (status >= 200 && status < 300) return JSON.parse(text) as T;
    throw toRefusal(status, parseStatus(status, text));
  }

  async #send(
    method: string,
    path: string,
    body: unknown,
    options: RequestOptions,
    type?: string,
  ): Promise<http.IncomingMessage> {
    options.signal?.throwIfAborted();
    const base = await this.requestOptions();
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const url = this.url(path, options.query);
    const module = url.protocol === "https:" ? https : http;
    return await new Promise((resolve, reject) => {
      const request = module.request(url, {
        ...base,
        method,
        headers: {
          ...(base.headers as http.OutgoingHttpHeaders),
          accept: "application/json",
          "user-agent": "swap",
          ...(payload ? { "content-type": type ?? "application/json", "content-length": payload.length } : {}),
        },
        ...(options.signal ? { signal: options.signal } : {}),
      });
      request.once("response", (response) => {
        this.#noteClock(response);
        resolve(response);
      });
      request.once("error", (error) => reject(this.#failure(error, options.signal)));
      request.end(payload);
    });
  }

  #failure(error: NodeJS.ErrnoException, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted && (signal.reason as Error | undefined)?.name !== "TimeoutError") return signal.reason;
    return toUnreachable(this.connection.server, signal?.aborted ? (signal.reason as NodeJS.ErrnoException) : error);
  }

  #noteClock(response: http.IncomingMessage): void {
    const date = Date.parse(response.headers.date ?? "");
    if (!Number.isNaN(date) && Math.abs(date - this.serverNow()) > 1500) this.#clockSkewMs = date - Date.now();
  }
}

/** No answer that swap reads as a whole is larger: 64 MiB. Longer lists come in pages. */
const maxAnswer = 64 * 1024 * 1024;

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswer)
      throw new ApiError(0, { message: `the API server's answer is longer than ${maxAnswer} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseStatus(httpStatus: number, text: string): Status {
  try {
    return JSON.parse(text) as Status;
  } catch {
    // A proxy in between answers in its own words.
    return { message: text.trim().slice(0, 500) || `HTTP ${httpStatus}` };
  }
}
