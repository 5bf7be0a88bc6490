import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { hostname } from "node:os";
import { describe, expect, test, vi } from "vitest";
import { DatagramStream } from "../../src/datagram-stream.ts";
import { resetCode, type StreamEnd } from "../../src/tunnel/stream-end.ts";
import { parsePodWorld } from "../../src/wire/pod-world.ts";
import { Agent, type Client, freePorts } from "./agent-process.ts";
import { Ear } from "./tunnel.ts";

// Each starts an agent process, and a busy machine starts them slowly.
vi.setConfig({ testTimeout: 60_000 });

async function tcpServer(onSocket: (socket: Socket) => void): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true }, onSocket).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return { port, [Symbol.asyncDispose]: async () => void server.close() };
}

async function endOf(client: Client, open: Parameters<Client["mux"]["open"]>[0]): Promise<StreamEnd | undefined> {
  const ear = new Ear(client.mux.open(open));
  await ear.until(() => ear.end !== undefined);
  return ear.end;
}

/** Datagrams of a stream, in order. */
function datagrams(client: Client, open: Parameters<Client["mux"]["open"]>[0]) {
  const heard: string[] = [];
  const end = Promise.withResolvers<StreamEnd>();
  const ears = { onDatagram: (bytes: Buffer) => void heard.push(bytes.toString()), onClose: end.resolve };
  const stream = new DatagramStream(client.mux.open(open), ears, { max: 1 << 20, used: 0 });
  return { heard, stream, end: end.promise };
}

describe("a dial", () => {
  test("connects from the pod, carries bytes sent with it and half-closes", async () => {
    await using agent = await Agent.start();
    await using server = await tcpServer((socket) => socket.pipe(socket));
    const client = await agent.client();
    const ear = new Ear(client.mux.open({ kind: "dial", host: "127.0.0.1", port: server.port }));
    ear.stream.write(Buffer.from("at once"));
    ear.stream.end();
    await ear.until(() => ear.end !== undefined);
    expect([ear.bytes.toString(), ear.end]).toEqual(["at once", { how: "finished" }]);
  });

  test("confirms the connection by one zero byte where that is asked for, by name too", async () => {
    await using agent = await Agent.start();
    await using server = await tcpServer((socket) => socket.end("hello"));
    const client = await agent.client();
    const ear = new Ear(client.mux.open({ kind: "dial", host: "localhost", port: server.port, confirm: true }));
    await ear.until(() => ear.ended);
    expect(ear.bytes.toString()).toBe("\0hello");
  });

  test("says why it failed", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const [closed] = (await freePorts(1)) as [number];
    const by = { how: "reset", by: "peer" };
    expect(await endOf(client, { kind: "dial", host: "127.0.0.1", port: closed })).toEqual({
      ...by,
      code: resetCode.refused,
    });
    expect(await endOf(client, { kind: "dial", host: "no-such-host.invalid", port: 80 })).toEqual({
      ...by,
      code: resetCode.nameNotFound,
    });
    // TEST-NET's broadcast: the kernel refuses at once.
    expect(await endOf(client, { kind: "dial", host: "255.255.255.255", port: 80 })).toEqual({
      ...by,
      code: resetCode.unreachable,
    });
  });

  test("that the client gives up is reset towards the server", async () => {
    await using agent = await Agent.start();
    const accepted = Promise.withResolvers<Socket>();
    await using server = await tcpServer(accepted.resolve);
    const client = await agent.client();
    const ear = new Ear(client.mux.open({ kind: "dial", host: "127.0.0.1", port: server.port }));
    const socket = await accepted.promise;
    const failed = once(socket.resume(), "error");
    ear.stream.reset(resetCode.cancelled);
    expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
  });
});

describe("a UDP flow", () => {
  test("carries datagrams both ways with their bounds, empty and largest ones too", async () => {
    await using agent = await Agent.start();
    const peer = createSocket("udp4").bind(0, "127.0.0.1");
    peer.on("message", (bytes, from) => peer.send(bytes, from.port, from.address));
    await once(peer, "listening");
    const flow = datagrams(await agent.client(), { kind: "udp", host: "127.0.0.1", port: peer.address().port });
    const sent = ["one", "", "x".repeat(65_507), "two"];
    for (const text of sent) flow.stream.send(Buffer.from(text));
    await expect.poll(() => flow.heard.length).toBe(4);
    expect(flow.heard.toSorted()).toEqual(sent.toSorted());
    flow.stream.end();
    expect(await flow.end).toEqual({ how: "finished" });
    peer.close();
  });

  test("ends after it has been idle, and not before", async () => {
    await using agent = await Agent.start();
    const peer = createSocket("udp4").bind(0, "127.0.0.1");
    await once(peer, "listening");
    const open = { kind: "udp", host: "127.0.0.1", port: peer.address().port, idleMs: 200 } as const;
    const flow = datagrams(await agent.client(), open);
    let lastSent = 0;
    const talk = setInterval(() => {
      lastSent = performance.now();
      flow.stream.send(Buffer.from("still here"));
    }, 50);
    setTimeout(() => clearInterval(talk), 600);
    expect(await flow.end).toEqual({ how: "finished" });
    expect(performance.now() - lastSent).toBeGreaterThan(150);
    peer.close();
  });

  test("to a closed port is refused", async () => {
    await using agent = await Agent.start();
    const [closed] = (await freePorts(1)) as [number];
    const flow = datagrams(await agent.client(), { kind: "udp", host: "127.0.0.1", port: closed });
    flow.stream.send(Buffer.from("anybody?"));
    expect(await flow.end).toEqual({ how: "reset", by: "peer", code: resetCode.refused });
  });
});

test("the pod's world is told as the agent sees it", async () => {
  await using agent = await Agent.start();
  const ear = new Ear((await agent.client()).mux.open({ kind: "world" }));
  await ear.until(() => ear.ended);
  const world = parsePodWorld(ear.bytes);
  expect(world).toMatchObject({ hostname: hostname(), uid: process.getuid!(), gid: process.getgid!() });
  expect(world.resolvConf).toContain("nameserver");
  expect(world.hosts).toContain("localhost");
  expect(world.mounts.map(({ path }) => path)).not.toContain("/proc");
});
