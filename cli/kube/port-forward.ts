import type { Agent } from "node:http";
import { Duplex } from "node:stream";
import { WebSocket, type ClientOptions } from "ws";
import { SwapError } from "../../src/error.ts";
import { toRefusal, toUnreachable } from "./api-error.ts";
import type { KubeClient } from "./client.ts";
import { podPath } from "./paths.ts";

/** Sub-protocol of pods/portforward over WebSocket: each message is a channel byte and its payload. */
const subprotocol = "v4.channel.k8s.io";
/** Channels of the first (and only) forwarded port. Each begins with a message of the port number, 2 bytes. */
const dataChannel = 0;
const errorChannel = 1;
/** Above this many unsent bytes the producer waits. */
const highWaterMark = 1024 * 1024;
/** Messages up to this size are sent from one buffer, used again and again; the tunnel writes 64 KiB and a little. */
const sharedMessage = 128 * 1024;
/** The largest message that a server may send us. The kubelet reads 32 KiB at a time; gateways may merge. */
const maxMessage = 16 * 1024 * 1024;

/**
 * One connection to a port of the pod's own loopback, through the API server.
 * @returns a Duplex that ends when the far side closes; it is destroyed with a SwapError when the kubelet reports a failure.
 * @throws SwapError forbidden, not-found, unreachable or refused, in the server's own words.
 */
export async function portForward(
  client: KubeClient,
  pod: { namespace: string; name: string },
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  const url = client.url(`${podPath(pod.namespace, pod.name)}/portforward`, { ports: port });
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const base = await client.requestOptions();
  const options: ClientOptions = {
    ...(base as unknown as ClientOptions),
    // An upgraded connection never goes back to a pool.
    agent: client.connection.kubeconfig.getCurrentCluster()?.proxyUrl ? (base.agent as Agent) : undefined,
    perMessageDeflate: false,
    maxPayload: maxMessage,
    handshakeTimeout: client.connection.requestTimeoutMs,
    // RFC 6455 masks to protect plain-text proxies from a browser's scripts. Over TLS the zero mask protects as well
    // and spares a pass over each byte.
    ...(url.protocol === "wss:" ? { generateMask: () => undefined } : {}),
  };
  const socket = new WebSocket(url, subprotocol, options);
  // The first messages may come with the answer to the upgrade: whoever hears them must be there before.
  const connection = new ForwardedPort(socket, pod.name);
  await opened(socket, client, signal);
  return connection;
}

async function opened(socket: WebSocket, client: KubeClient, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => {
    reject(signal.reason as Error);
    socket.terminate();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("open", resolve);
  socket.on("error", (error) => reject(toUnreachable(client.connection.server, error)));
  socket.once("unexpected-response", (_request, response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      if (text.length < 64 * 1024) text += chunk;
    });
    response.once("end", () => {
      reject(toRefusal(response.statusCode ?? 0, { message: statusMessage(text) }));
      socket.terminate();
    });
  });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function statusMessage(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text.trim().slice(0, 500);
  }
}

/** The Duplex over the WebSocket's data channel, with backpressure both ways. */
class ForwardedPort extends Duplex {
  readonly #socket: WebSocket;
  readonly #sawPort = [false, false];
  #message: Buffer | undefined;

  constructor(socket: WebSocket, podName: string) {
    super({ allowHalfOpen: false, writableHighWaterMark: highWaterMark, readableHighWaterMark: highWaterMark });
    this.#socket = socket;
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer) => this.#receive(data, podName));
    socket.once("close", () => {
      this.push(null);
      this.destroy();
    });
    // A refusal of the kubelet's may come before our caller listens; its first read finds the stream destroyed.
    this.on("error", () => undefined);
    // Before the connection is open, `portForward` reports it.
    socket.on("error", (error) => this.destroy(this.#sawPort[dataChannel] ? error : undefined));
  }

  #receive(message: Buffer, podName: string): void {
    const channel = message[0];
    if (channel !== dataChannel && channel !== errorChannel) return;
    let payload = message.subarray(1);
    if (!this.#sawPort[channel]) {
      if (payload.length < 2) {
        this.destroy(new SwapError("unreachable", "the API server's port-forward does not begin with the port number"));
        return;
      }
      this.#sawPort[channel] = true;
      payload = payload.subarray(2);
    }
    if (payload.length === 0) return;
    if (channel === errorChannel) {
      this.destroy(
        new SwapError(
          "unreachable",
          `port-forward to pod ${podName} failed: ${payload.toString("utf8").slice(0, 500)}`,
        ),
      );
      return;
    }
    if (!this.push(payload)) this.#socket.pause();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      done(new SwapError("unreachable", "the port-forward is closed"));
      return;
    }
    // Each write is a message of its own: the far side passes nothing on before it has the whole of one.
    const message = this.#messageOf(chunk.length + 1);
    message[0] = dataChannel;
    message.set(chunk, 1);
    // `ws` calls back when the bytes have left for the kernel: that is the backpressure.
    this.#socket.send(message, { binary: true }, done);
  }

  /** Room for a message. Only one is under way at a time, so that they may share it. */
  #messageOf(length: number): Buffer {
    if (length > sharedMessage) return Buffer.allocUnsafe(length);
    this.#message ??= Buffer.allocUnsafeSlow(sharedMessage);
    return this.#message.subarray(0, length);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
