import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer, connect } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { SwapError } from "../../src/error.ts";
import { type AgentHandshakeResult, shakeHandsAsAgent } from "../../src/tunnel/agent-handshake.ts";
import { askStatus, shakeHandsAsClient } from "../../src/tunnel/client-handshake.ts";
import { readLine } from "../../src/tunnel/read-line.ts";
import { createSessionKey, parsePublicKey, type SessionKey } from "../../src/tunnel/session-key.ts";
import { protocolVersion } from "../../src/version.ts";
import type { AgentStatus } from "../../src/wire/agent-status.ts";
import { encodeHandshake } from "../../src/wire/handshake-message.ts";
import { tcpPair } from "../contract/pairs.ts";

const status: AgentStatus = {
  session: "s1",
  agentVersion: "0.1.0",
  uptimeMs: 5,
  ready: true,
  client: { connected: false, silentMs: 3 },
  graceMs: 30_000,
  graceLeftMs: 29_997,
  connections: { open: 1, total: 2 },
  bytes: { in: 3, out: 4 },
  ports: [80, 443],
};

interface Agent extends AsyncDisposable {
  dial(): Promise<Socket>;
  results: Promise<AgentHandshakeResult>[];
}

async function agent(key: SessionKey, deadlineMs?: number): Promise<Agent> {
  const publicKey = parsePublicKey(key.publicKey)!;
  const results: Promise<AgentHandshakeResult>[] = [];
  const sockets: Socket[] = [];
  const options = {
    session: "s1",
    publicKey,
    status: () => status,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
  const server = createServer((socket) => {
    sockets.push(socket);
    results.push(shakeHandsAsAgent(socket, options));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const dial = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  };
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { dial, results, [Symbol.asyncDispose]: dispose };
}

const lines = (socket: Socket): Promise<string> => readLine(socket, 4_096, AbortSignal.timeout(2_000));

async function failure(promise: Promise<unknown>): Promise<SwapError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(SwapError);
  return error as SwapError;
}

describe("the handshake", () => {
  test("lets in who proves the session, with no byte behind it lost", async () => {
    const key = createSessionKey();
    await using made = await agent(key);
    const socket = await made.dial();
    await shakeHandsAsClient(socket, { session: "s1", privateKey: key.privateKey });
    expect(await made.results[0]).toEqual({ how: "proven" });
  });

  test("hands over what follows the verdict in the same segment", async () => {
    await using pair = await tcpPair();
    const key = createSessionKey();
    const hello = {
      magic: "swap-agent",
      protocol: protocolVersion,
      version: "0.1.0",
      nonce: Buffer.alloc(32),
    } as const;
    pair.accepted.write(encodeHandshake(hello));
    pair.accepted.once("data", () => pair.accepted.write(`${encodeHandshake({ type: "accepted" })}first frames`));
    const ready = await shakeHandsAsClient(pair.dialled, { session: "s1", privateKey: key.privateKey });
    const heard = once(ready, "data");
    ready.resume();
    const [rest] = (await heard) as [Buffer];
    expect(rest.toString()).toBe("first frames");
  });

  test("refuses another key and another session", async () => {
    const key = createSessionKey();
    await using made = await agent(key);
    const otherKey = await failure(
      shakeHandsAsClient(await made.dial(), { session: "s1", privateKey: createSessionKey().privateKey }),
    );
    expect([otherKey.code, otherKey.message]).toEqual([
      "agent",
      expect.stringContaining("not made with this session's key"),
    ]);
    expect(otherKey.hint).toBeDefined();
    const otherSession = await failure(
      shakeHandsAsClient(await made.dial(), { session: "s2", privateKey: key.privateKey }),
    );
    expect(otherSession.message).toContain("belongs to another session");
    expect((await Promise.all(made.results)).map(({ how }) => how)).toEqual(["refused", "refused"]);
  });

  test("refuses a proof that was recorded on another connection", async () => {
    const key = createSessionKey();
    await using made = await agent(key);
    const honest = await made.dial();
    const written = vi.spyOn(honest, "write");
    await shakeHandsAsClient(honest, { session: "s1", privateKey: key.privateKey });
    const replayer = await made.dial();
    await lines(replayer);
    replayer.write(written.mock.calls[0]![0]);
    expect(await lines(replayer)).toContain("not made with this session's key");
    expect((await made.results[1])?.how).toBe("refused");
  });

  test("names both versions when the protocols differ, on either side", async () => {
    const key = createSessionKey();
    await using made = await agent(key);
    const socket = await made.dial();
    await lines(socket);
    const old = { protocol: 99, version: "9.9.9", session: "s1", nonce: Buffer.alloc(32), signature: Buffer.alloc(64) };
    socket.write(encodeHandshake({ type: "prove", ...old }));
    const answer = await lines(socket);
    expect(answer).toContain("9.9.9");
    expect(answer).toContain("protocol 99");
    expect(answer).toContain("same release");
    await using pair = await tcpPair();
    pair.accepted.write(
      encodeHandshake({ magic: "swap-agent", protocol: 98, version: "8.8.8", nonce: Buffer.alloc(32) }),
    );
    const error = await failure(shakeHandsAsClient(pair.dialled, { session: "s1", privateKey: key.privateKey }));
    expect(error.message).toContain("8.8.8");
    expect(error.message).toContain("protocol 98");
    expect(error.hint).toContain("same release");
  });

  test("gives the status to anybody, and closes", async () => {
    await using made = await agent(createSessionKey());
    const socket = await made.dial();
    expect(await askStatus(socket)).toEqual(status);
    expect(socket.destroyed).toBe(true);
    expect(await made.results[0]).toEqual({ how: "status" });
  });

  test.each([
    ["no JSON", "GET / HTTP/1.1\r\n\r\n"],
    ["an endless line", "x".repeat(10_000)],
    ["an unknown request", '{"type":"dance"}\n'],
    ["a proof without fields", '{"type":"prove"}\n'],
    ["half a proof", '{"type":"prove","protocol":1'],
  ])("turns away %s", async (_what, words) => {
    await using made = await agent(createSessionKey(), 300);
    const socket = await made.dial();
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(words);
    await once(socket, "close");
    expect((await made.results[0])?.how).toBe("refused");
  });

  test("turns away a visitor who says nothing, after the deadline", async () => {
    await using made = await agent(createSessionKey(), 100);
    const socket = await made.dial();
    socket.resume();
    await once(socket, "close");
    expect((await made.results[0])?.how).toBe("refused");
  });

  test("tells the client what it has reached when it is no agent", async () => {
    for (const words of ["SSH-2.0-OpenSSH_9.2\r\n", "{}\n", "x".repeat(10_000)]) {
      await using pair = await tcpPair();
      pair.accepted.on("error", () => undefined);
      pair.accepted.write(words);
      const error = await failure(
        shakeHandsAsClient(pair.dialled, { session: "s1", privateKey: createSessionKey().privateKey }),
      );
      expect([error.code, error.message]).toEqual(["agent", expect.stringContaining("does not speak as an agent")]);
      expect(pair.dialled.destroyed).toBe(true);
    }
  });

  test("gives up at its deadline, at the end of the connection, and when told to", async () => {
    const { privateKey } = createSessionKey();
    await using silent = await tcpPair();
    const late = await failure(shakeHandsAsClient(silent.dialled, { session: "s1", privateKey, deadlineMs: 50 }));
    expect(late.message).toContain("within 0.05 s");
    await using ending = await tcpPair();
    ending.accepted.end();
    expect((await failure(shakeHandsAsClient(ending.dialled, { session: "s1", privateKey }))).message).toContain(
      "ended",
    );
    await using aborted = await tcpPair();
    const controller = new AbortController();
    const shaking = shakeHandsAsClient(aborted.dialled, { session: "s1", privateKey, signal: controller.signal });
    controller.abort(new SwapError("interrupted", "Ctrl-C"));
    expect((await failure(shaking)).code).toBe("interrupted");
  });
});
