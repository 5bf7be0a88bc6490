import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { relay } from "../../src/relay.ts";
import { RelaySocket } from "../../src/relay-socket.ts";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { Agent, bundleAgent, type Client, freePorts } from "../contract/agent-process.ts";
import { Ear } from "../contract/tunnel.ts";

/** Answers each inbound connection with what it says, and keeps how it was opened. */
function echo(opened: MuxStream["open"][] = []): (stream: MuxStream) => void {
  return (stream) => {
    opened.push(stream.open);
    stream.attach({
      onData: (bytes) => {
        stream.write(bytes);
        stream.consumed(bytes.length);
      },
      onEnd: () => stream.end(),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  };
}

async function openPort(client: Client): Promise<number> {
  const [port] = (await freePorts(1)) as [number];
  client.say({ type: "listen", id: 1, port });
  await client.hear("listening");
  return port;
}

async function say(port: number, words: string, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen: true });
  await once(socket, "connect");
  socket.write(words);
  return socket;
}

async function answer(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return bytes.toString();
}

const health = async (agent: Agent, path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${agent.healthPort}${path}`)).status;

describe("an agent", () => {
  test("leads connections of its ports to the client, with where they came from", async () => {
    await using agent = await Agent.start();
    const opened: MuxStream["open"][] = [];
    const port = await openPort(await agent.client(echo(opened)));
    const socket = await say(port, "hello");
    expect(await answer(socket)).toBe("hello");
    expect(opened).toEqual([{ kind: "inbound", port, remoteAddress: "127.0.0.1", remotePort: socket.localPort }]);
    socket.end("bye");
    expect(await answer(socket)).toBe("bye");
    await once(socket, "end");
    const { connections, bytes, ports, client } = await agent.status();
    expect([connections.total, ports, client.connected]).toEqual([1, [port], true]);
    expect(bytes.in).toBeGreaterThanOrEqual(8);
    expect(bytes.out).toBeGreaterThanOrEqual(8);
  });

  test("says why it cannot listen, and stops listening when told", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const taken = createServer().listen(0);
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    client.say({ type: "listen", id: 7, port });
    expect(await client.hear("listen-failed")).toMatchObject({ id: 7, code: "EADDRINUSE" });
    await new Promise((resolve) => taken.close(resolve));
    client.say({ type: "listen", id: 8, port });
    expect(await client.hear("listening")).toEqual({ type: "listening", id: 8 });
    client.say({ type: "unlisten", id: 8 });
    const closed = async (): Promise<boolean> => (await agent.status()).ports.length === 0;
    await expect.poll(closed).toBe(true);
    const [error] = (await once(connect(port, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
  });

  test("gives the environment byte for byte, its own hidden names restored, and never logs it", async () => {
    const env = { SECRET: "s3cret\nline", "\x0eODE_OPTIONS": "--inspect", PLAIN: "" };
    await using agent = await Agent.start({ env });
    const client = await agent.client();
    const ear = new Ear(client.mux.open({ kind: "environment" }));
    await ear.until(() => ear.ended);
    expect(ear.bytes.toString()).toBe("SECRET=s3cret\nline\0NODE_OPTIONS=--inspect\0PLAIN=\0");
    expect(readFileSync(`/proc/${agent.child.pid}/environ`, "latin1")).toContain("\x0eODE_OPTIONS");
    client.say({ type: "quit", reason: "done" });
    expect(await agent.exit).toBe(0);
    expect(agent.log).not.toContain("s3cret");
  });

  test("is always alive, and ready when its client says so", async () => {
    await using agent = await Agent.start();
    expect(await health(agent, "/live")).toBe(200);
    expect(await health(agent, "/other")).toBe(404);
    const asked = performance.now();
    const held = health(agent, "/ready");
    const client = await agent.client();
    client.say({ type: "ready", ready: true });
    expect(await held).toBe(200);
    // Held from before the word, not answered by a later probe.
    expect(performance.now() - asked).toBeLessThan(4_000);
    client.say({ type: "ready", ready: false });
    await expect.poll(async () => (await agent.status()).ready).toBe(false);
    const begun = performance.now();
    expect(await health(agent, "/ready")).toBe(503);
    expect(performance.now() - begun).toBeGreaterThan(3_500);
  }, 15_000);

  test("holds connections while its client is away, and leads them to the next one", async () => {
    await using agent = await Agent.start();
    const first = await agent.client(echo());
    const port = await openPort(first);
    const open = await say(port, "before");
    await answer(open);
    const reset = once(open, "error");
    first.mux.close("away");
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
    const held = await Promise.all(Array.from({ length: 20 }, (_, index) => say(port, `held ${index}`)));
    await expect.poll(async () => (await agent.status()).connections.open).toBe(20);
    const second = await agent.client(echo());
    second.say({ type: "listen", id: 1, port });
    expect(await Promise.all(held.map(answer))).toEqual(held.map((_, index) => `held ${index}`));
  });

  test("follows a newer client of its session and tells the older one", async () => {
    await using agent = await Agent.start();
    const older = await agent.client(echo());
    const port = await openPort(older);
    const newer = await agent.client(echo());
    expect(await older.end).toMatchObject({ how: "closed", by: "peer", reason: expect.stringContaining("taken over") });
    newer.say({ type: "listen", id: 5, port });
    await newer.hear("listening");
    expect(await answer(await say(port, "still here"))).toBe("still here");
  });

  test("resets connections that the client refuses", async () => {
    await using agent = await Agent.start();
    const port = await openPort(await agent.client((stream) => stream.reset(resetCode.refused)));
    const socket = connect(port, "127.0.0.1");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });

  test("leaves after its grace without a client, with its last words", async () => {
    await using agent = await Agent.start({ graceMs: 400 });
    const client = await agent.client(echo());
    const port = await openPort(client);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(agent.child.exitCode).toBeNull();
    client.mux.close("gone");
    const left = performance.now();
    const held = await say(port, "x");
    const reset = once(held, "error");
    expect(await agent.exit).toBe(0);
    expect(performance.now() - left).toBeLessThan(2_000);
    expect(agent.log).toContain("no client for 0.4 s");
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
  });

  test("leaves after its grace when no client ever came, though somebody asks for its status", async () => {
    await using agent = await Agent.start({ graceMs: 500 });
    await agent.status();
    expect(await agent.exit).toBe(0);
  });

  test("quits when told: closes its ports, lets connections finish within the bound, exits 0", async () => {
    await using agent = await Agent.start();
    const client = await agent.client(echo());
    const port = await openPort(client);
    const socket = await say(port, "one");
    await answer(socket);
    client.say({ type: "quit", reason: "restored", drainMs: 10_000 });
    expect(await client.hear("quitting")).toEqual({ type: "quitting", reason: "restored" });
    const [error] = (await once(connect(port, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    socket.write("two");
    expect(await answer(socket)).toBe("two");
    socket.end();
    expect(await client.end).toEqual({ how: "closed", by: "peer", reason: "restored" });
    expect(await agent.exit).toBe(0);
  });

  test("does not wait longer than told for connections that do not finish", async () => {
    await using agent = await Agent.start();
    const client = await agent.client(echo());
    const socket = await say(await openPort(client), "one");
    await answer(socket);
    const reset = once(socket, "error");
    const told = performance.now();
    client.say({ type: "quit", reason: "restored", drainMs: 200 });
    expect(await agent.exit).toBe(0);
    expect(performance.now() - told).toBeLessThan(3_000);
    expect((await reset)[0]).toMatchObject({ code: "ECONNRESET" });
  });

  test("serves on after SIGTERM, tells its client, and stays until told to quit", async () => {
    await using agent = await Agent.start();
    const client = await agent.client(echo());
    const port = await openPort(client);
    agent.child.kill("SIGTERM");
    expect(await client.hear("terminating")).toEqual({ type: "terminating", signal: "SIGTERM" });
    const socket = await say(port, "late");
    expect(await answer(socket)).toBe("late");
    socket.end();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(agent.child.exitCode).toBeNull();
    client.say({ type: "quit", reason: "done" });
    expect(await agent.exit).toBe(0);
  });

  test("leaves soon after SIGTERM when no client is connected and nothing is open", async () => {
    await using agent = await Agent.start();
    agent.child.kill("SIGTERM");
    const told = performance.now();
    expect(await agent.exit).toBe(0);
    expect(performance.now() - told).toBeLessThan(3_000);
    expect(agent.log).toContain("terminating");
  });

  test("says on its log why it cannot start", async () => {
    await using agent = await Agent.start();
    const { spawnSync } = await import("node:child_process");
    const [spare] = (await freePorts(1)) as [number];
    const argv = [...agent.child.spawnargs.slice(1, -1), `${spare}`];
    const second = spawnSync(process.execPath, argv, { encoding: "utf8" });
    expect(second.status).toBe(1);
    expect(second.stderr).toContain("EADDRINUSE");
  });
});

describe("an agent within its memory", () => {
  const rssAnonMiB = (agent: Agent): number => {
    const status = readFileSync(`/proc/${agent.child.pid}/status`, "utf8");
    return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
  };

  test("keeps 1,000 simultaneous connections with bodies both ways below 64 MiB", async () => {
    // As one file, as in the pod: stripping types at the start would cost 30 MiB.
    await using bundle = await bundleAgent();
    await using agent = await Agent.start({ main: bundle.path });
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => undefined).pipe(socket));
    server.listen({ port: 0, host: "127.0.0.1", backlog: 2_000 });
    await once(server, "listening");
    const target = (server.address() as { port: number }).port;
    const port = await openPort(
      await agent.client((stream) => {
        const out = RelaySocket.connect({ port: target, host: "127.0.0.1" });
        out.socket.once("connect", () => relay(out, stream));
      }),
    );
    const body = randomBytes(256 << 10);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, rssAnonMiB(agent))), 20);
    const sockets = await Promise.all(Array.from({ length: 1_000 }, () => say(port, "")));
    // Nobody reads until all have written: both directions stall.
    for (const socket of sockets) socket.end(body);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const answers = sockets.map(async (socket) => {
      let received = 0;
      for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
      return received;
    });
    expect((await Promise.all(answers)).every((received) => received === body.length)).toBe(true);
    clearInterval(watch);
    await new Promise((resolve) => server.close(resolve));
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThan(64);
  }, 60_000);
});
