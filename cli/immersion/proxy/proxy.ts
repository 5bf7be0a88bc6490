import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { Server as HttpServer, ServerResponse } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream";
import { readSocksRequest, socksReply } from "./socks.ts";

/** Makes a connection to a host, by name or address. @throws when there is none to be had. */
export type Dial = (host: string, port: number) => Promise<Duplex>;

const socksVersion = 5;

/**
 * A proxy on the laptop's loopback for SOCKS 5, HTTP CONNECT and plain HTTP, on one port. Who uses it must know its
 * password, which is in the environment of the local process: other users of the machine do not get into the cluster.
 */
export class Proxy implements AsyncDisposable {
  readonly #dial: Dial;
  readonly #credentials = `swap:${randomBytes(12).toString("hex")}`;
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #sockets = new Set<Socket>();

  private constructor(dial: Dial) {
    this.#dial = dial;
    this.#http = createHttpServer((request, response) => void this.#forward(request, response));
    this.#http.on("connect", (request, socket) => void this.#connect(request, socket));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async open(dial: Dial): Promise<Proxy> {
    const proxy = new Proxy(dial);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** What makes programs use it; names that are left out have no value yet. */
  environment(laptop: Readonly<Record<string, string | undefined>>): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    const http = `http://${this.#credentials}@127.0.0.1:${port}`;
    const socks = `socks5h://${this.#credentials}@127.0.0.1:${port}`;
    const direct = ["localhost", "127.0.0.1", "::1", laptop["NO_PROXY"] ?? laptop["no_proxy"] ?? ""];
    const none = direct.filter((one) => one !== "").join(",");
    return {
      http_proxy: http,
      HTTP_PROXY: http,
      https_proxy: http,
      HTTPS_PROXY: http,
      all_proxy: socks,
      ALL_PROXY: socks,
      no_proxy: none,
      NO_PROXY: none,
      NODE_USE_ENV_PROXY: "1",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.once("readable", () => {
      const first = socket.read(1) as Buffer | null;
      if (first === null) return void socket.destroy();
      socket.unshift(first);
      if (first[0] === socksVersion) void this.#socks(socket);
      else this.#http.emit("connection", socket);
    });
  }

  async #socks(socket: Socket): Promise<void> {
    let request: Awaited<ReturnType<typeof readSocksRequest>>;
    try {
      request = await readSocksRequest(socket, this.#credentials);
    } catch {
      // The client has been told as far as the protocol can tell.
      return void socket.end();
    }
    try {
      const remote = await this.#dial(request.host, request.port);
      request.accept();
      join(socket, remote);
    } catch {
      request.refuse(socksReply.refused);
    }
  }

  async #connect(request: IncomingMessage, client: Duplex): Promise<void> {
    const target = URL.parse(`http://${request.url ?? ""}`);
    if (!this.#mayUse(request)) return void client.end(needsPassword);
    if (target === null) return void client.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    try {
      const remote = await this.#dial(plainHost(target), Number(target.port || 443));
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      join(client, remote);
    } catch (error) {
      client.end(`HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\n\r\n${(error as Error).message}\n`);
    }
  }

  /** A request for a whole URL (RFC 9112, 3.2.2). */
  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = URL.parse(request.url ?? "");
    if (!this.#mayUse(request)) return void response.writeHead(407, { "Proxy-Authenticate": "Basic" }).end();
    if (target === null || target.protocol !== "http:") return void response.writeHead(400).end();
    try {
      const remote = await this.#dial(plainHost(target), Number(target.port || 80));
      const { "proxy-authorization": _password, "proxy-connection": _hop, ...headers } = request.headers;
      const onward = httpRequest({
        createConnection: () => remote as Socket,
        method: request.method ?? "GET",
        path: `${target.pathname}${target.search}`,
        headers: { ...headers, connection: "close" },
      });
      onward.on("response", (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        pipeline(answer, response, () => remote.destroy());
      });
      onward.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
      request.pipe(onward);
    } catch (error) {
      response.writeHead(502).end(`${(error as Error).message}\n`);
    }
  }

  #mayUse({ headers }: IncomingMessage): boolean {
    return headers["proxy-authorization"] === `Basic ${Buffer.from(this.#credentials).toString("base64")}`;
  }
}

const needsPassword = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";

/** Without the brackets of an IPv6 address. */
function plainHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function join(one: Duplex, other: Duplex): void {
  one.on("error", () => other.destroy());
  other.on("error", () => one.destroy());
  one.on("close", () => other.destroy());
  other.on("close", () => one.destroy());
  one.pipe(other);
  other.pipe(one);
}
