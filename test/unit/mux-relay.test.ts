import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { relay, type RelayResult } from "../../src/relay.ts";
import { RelaySocket } from "../../src/relay-socket.ts";
import { Mux } from "../../src/tunnel/mux.ts";
import { resetCode, type StreamEnd } from "../../src/tunnel/stream-end.ts";
import { StreamDuplex } from "../../src/tunnel/stream-duplex.ts";
import { tcpPair } from "../contract/pairs.ts";

const inbound = { kind: "inbound", port: 80, remoteAddress: "10.0.0.1", remotePort: 1 } as const;

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as { port: number }).port;
}

interface Relayed extends AsyncDisposable {
  /** A new connection through both relays to the server. */
  dial(): Promise<Socket>;
  results: RelayResult[];
  agent: Mux;
  client: Mux;
}

/** A door, a tunnel and a way out to `serve`, as the agent and the command have them. */
async function relayed(serve: (socket: Socket) => void, adopt = true): Promise<Relayed> {
  const target = createServer({ allowHalfOpen: true }, (socket) => {
    // Resets are part of what is tested; who waits for one listens for it.
    socket.on("error", () => undefined);
    serve(socket);
  });
  const targetPort = await listening(target);
  const pair = await tcpPair();
  const results: RelayResult[] = [];
  const agent = new Mux(pair.accepted, { role: "agent", onStream: () => undefined, onClose: () => undefined });
  const client = new Mux(pair.dialled, {
    role: "client",
    onStream: (stream) => {
      const out = RelaySocket.connect({ port: targetPort, host: "127.0.0.1" });
      const refuse = (): void => stream.reset(resetCode.refused);
      out.socket.once("error", refuse);
      out.socket.once("connect", () => {
        out.socket.off("error", refuse);
        relay(out, stream);
      });
    },
    onClose: () => undefined,
  });
  const door = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) => {
    const held = adopt ? RelaySocket.adopt(socket) : RelaySocket.wrap(socket);
    relay(held, agent.open(inbound), (result) => results.push(result));
  });
  const doorPort = await listening(door);
  const sockets: Socket[] = [];
  return {
    agent,
    client,
    results,
    dial: async () => {
      const socket = connect({ port: doorPort, host: "127.0.0.1", allowHalfOpen: true });
      sockets.push(socket);
      await once(socket, "connect");
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      agent.close("done");
      await pair[Symbol.asyncDispose]();
      await Promise.all([target, door].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe.each([
  ["adopted sockets", true],
  ["sockets as node gives them", false],
])("a relay of %s", (_name, adopt) => {
  test("carries random bytes both ways and each half-close", async () => {
    await using made = await relayed((socket) => socket.pipe(socket), adopt);
    const socket = await made.dial();
    const bytes = randomBytes(9_000_001);
    socket.end(bytes);
    const back = await readAll(socket);
    expect(back.equals(bytes)).toBe(true);
    expect(made.results).toEqual([{ end: { how: "finished" }, fromSocket: bytes.length, toSocket: bytes.length }]);
  });

  test("lets the server speak on after the client has ended", async () => {
    await using made = await relayed((socket) => {
      socket.resume().once("end", () => {
        socket.write("after ");
        setImmediate(() => socket.end("the end"));
      });
    }, adopt);
    const socket = await made.dial();
    socket.end("question");
    expect((await readAll(socket)).toString()).toBe("after the end");
  });

  test("passes a reset on, in either direction", async () => {
    const atServer = Promise.withResolvers<Socket>();
    await using made = await relayed((socket) => {
      socket.write("hello");
      atServer.resolve(socket);
    }, adopt);
    const first = await made.dial();
    await once(first, "data");
    const error = once(await atServer.promise, "error");
    first.resetAndDestroy();
    expect((await error)[0]).toMatchObject({ code: "ECONNRESET" });
    await using other = await relayed((socket) => socket.resume().once("data", () => socket.resetAndDestroy()), adopt);
    const second = await other.dial();
    second.write("x");
    const [reset] = (await once(second, "error")) as [NodeJS.ErrnoException];
    expect(reset.code).toBe("ECONNRESET");
    expect(other.results[0]?.end).toMatchObject({ how: "reset", by: "peer", code: resetCode.connectionReset });
  });

  test("resets its connections when the tunnel is gone", async () => {
    await using made = await relayed((socket) => socket.write("hello"), adopt);
    const socket = await made.dial();
    await once(socket, "data");
    made.client.close("over");
    const [reset] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(reset.code).toBe("ECONNRESET");
  });

  test("stops a sender whose receiver does not read, and holds little for it", async () => {
    const atServer = Promise.withResolvers<Socket>();
    await using made = await relayed((socket) => atServer.resolve(socket.pause()), adopt);
    const socket = await made.dial();
    const total = 64 << 20;
    let sent = 0;
    const chunk = randomBytes(65_536);
    while (socket.write(chunk)) sent += chunk.length;
    const server = await atServer.promise;
    // What the kernels and windows take is taken when nothing has moved for a while.
    for (let before = -1; before !== socket.bytesWritten - socket.writableLength;) {
      before = socket.bytesWritten - socket.writableLength;
      for (let more = 0; more < 64 && sent < total && socket.writableLength < 1 << 20; more += 1) {
        socket.write(chunk);
        sent += chunk.length;
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    expect(sent).toBeLessThan(total);
    expect(made.agent.outbox.waiting).toBeLessThan(1 << 20);
    socket.end();
    expect((await readAll(server)).length).toBe(socket.bytesWritten);
    server.end();
  });

  test("serves 300 connections at once", async () => {
    await using made = await relayed((socket) => socket.pipe(socket), adopt);
    const answers = await Promise.all(
      Array.from({ length: 300 }, async () => {
        const bytes = randomBytes(50_000);
        const socket = await made.dial();
        socket.end(bytes);
        return (await readAll(socket)).equals(bytes);
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
    expect(made.agent.budget.promised).toBe(0);
  });
});

test("a stream as a node Duplex keeps bytes, backpressure and half-close", async () => {
  await using pair = await tcpPair();
  const ends: StreamEnd[] = [];
  const common = { heartbeat: false, onClose: (end: StreamEnd) => ends.push(end) } as const;
  const agentSide = Promise.withResolvers<StreamDuplex>();
  const agent = new Mux(pair.accepted, {
    ...common,
    role: "agent",
    onStream: (stream) => agentSide.resolve(new StreamDuplex(stream)),
  });
  const client = new Mux(pair.dialled, { ...common, role: "client", onStream: () => undefined });
  const near = new StreamDuplex(client.open({ kind: "control" }));
  const bytes = randomBytes(5_000_000);
  near.end(bytes);
  const far = await agentSide.promise;
  far.pipe(far);
  const chunks: Buffer[] = [];
  for await (const chunk of near as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  expect([agent.size, client.size]).toEqual([0, 0]);
  const cut = new StreamDuplex(client.open({ kind: "control" }));
  const failed = once(cut, "error");
  agent.close("lunch");
  expect((await failed)[0]).toMatchObject({ message: "The tunnel was closed: lunch." });
});
