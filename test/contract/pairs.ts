import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";

/** Two ends of one connection; `cut` breaks it as a dead network would be noticed. */
export interface Pair extends AsyncDisposable {
  readonly client: Duplex;
  readonly agent: Duplex;
  cut(): void;
}

/** One end in memory: what is written here is read there, in one message a write, at the reader's pace. */
class MemoryEnd extends Duplex {
  other: MemoryEnd | undefined;
  #resume: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const other = this.other!;
    // A copy: whoever reads must not see the writer's buffer being used again.
    setImmediate(() => {
      if (other.destroyed || other.readableEnded || other.push(Buffer.from(chunk))) callback();
      else other.#resume = callback;
    });
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _final(callback: () => void): void {
    setImmediate(() => {
      if (!this.other!.destroyed) this.other!.push(null);
      callback();
    });
  }
}

export function memoryPair(): Pair {
  const client = new MemoryEnd();
  const agent = new MemoryEnd();
  client.other = agent;
  agent.other = client;
  const cut = (): void => {
    client.destroy(new Error("cut"));
    agent.destroy(new Error("cut"));
  };
  return {
    client,
    agent,
    cut,
    [Symbol.asyncDispose]: () => {
      client.destroy();
      agent.destroy();
      return Promise.resolve();
    },
  };
}

/** A connected pair of real TCP sockets on the loopback. */
export async function tcpPair(
  options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {},
): Promise<{ dialled: Socket; accepted: Socket } & AsyncDisposable> {
  const server = createServer({ noDelay: true, ...options });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP address");
  const dialled = connect({ port: address.port, host: "127.0.0.1", noDelay: true, ...options });
  const [[accepted]] = (await Promise.all([once(server, "connection"), once(dialled, "connect")])) as [
    [Socket],
    unknown,
  ];
  return {
    dialled,
    accepted,
    [Symbol.asyncDispose]: async () => {
      dialled.destroy();
      accepted.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function realPair(): Promise<Pair> {
  const pair = await tcpPair();
  return {
    client: pair.dialled,
    agent: pair.accepted,
    cut: () => pair.dialled.resetAndDestroy(),
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

/** Every transport that a tunnel may run over passes the same suite. */
export const transports: readonly (readonly [name: string, make: () => Pair | Promise<Pair>])[] = [
  ["an in-memory pair", memoryPair],
  ["TCP", realPair],
];
