import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, test, vi } from "vitest";
import { DatagramStream } from "../../src/datagram-stream.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { Agent, freePorts } from "./agent-process.ts";

// Each starts an agent process, and a busy machine starts them slowly.
vi.setConfig({ testTimeout: 60_000 });

const outerAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

async function udpClient(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Answers each datagram in capitals, or ends the stream on "bye"; keeps how each was opened. */
function shout(opened: MuxStream["open"][]): (stream: MuxStream) => void {
  return (stream) => {
    opened.push(stream.open);
    const datagrams: DatagramStream = new DatagramStream(
      stream,
      {
        onDatagram: (bytes) => {
          const text = bytes.toString();
          if (text === "bye") datagrams.end();
          else datagrams.send(Buffer.from(text.toUpperCase()));
        },
        onClose: () => undefined,
      },
      { max: 1 << 20, used: 0 },
    );
  };
}

async function ask(socket: Socket, port: number, text: string, host = "127.0.0.1"): Promise<string> {
  socket.send(text, port, host);
  const [bytes] = (await once(socket, "message")) as [Buffer];
  return bytes.toString();
}

describe("a UDP port of the pod", () => {
  test("gives each peer a stream of its own, and a new one after the old has ended", async () => {
    await using agent = await Agent.start();
    const opened: MuxStream["open"][] = [];
    const client = await agent.client(shout(opened));
    const [port] = (await freePorts(1)) as [number];
    client.say({ type: "listen", id: 1, port, protocol: "udp" });
    await client.hear("listening");
    const [one, two] = [await udpClient(), await udpClient()];
    expect([await ask(one, port, "one"), await ask(two, port, "two"), await ask(one, port, "more")]).toEqual([
      "ONE",
      "TWO",
      "MORE",
    ]);
    const from = (socket: Socket) => ({
      kind: "inbound-udp",
      port,
      remoteAddress: "127.0.0.1",
      remotePort: socket.address().port,
    });
    expect(opened).toEqual([from(one), from(two)]);
    one.send("bye", port, "127.0.0.1");
    await expect.poll(() => client.mux.size).toBe(2);
    expect(await ask(one, port, "again")).toBe("AGAIN");
    expect(opened).toHaveLength(3);
    client.say({ type: "unlisten", id: 1 });
    // The control stream alone is left.
    await expect.poll(() => client.mux.size).toBe(1);
    one.close();
    two.close();
  });

  test("is another than the TCP port of the same number", async () => {
    await using agent = await Agent.start();
    const client = await agent.client(shout([]));
    const [port] = (await freePorts(1)) as [number];
    client.say({ type: "listen", id: 1, port });
    client.say({ type: "listen", id: 2, port, protocol: "udp" });
    await expect.poll(() => client.messages.filter(({ type }) => type === "listening").length).toBe(2);
    client.say({ type: "unlisten", id: 1 });
    const socket = await udpClient();
    expect(await ask(socket, port, "udp")).toBe("UDP");
    expect((await agent.status()).ports).toEqual([port]);
    socket.close();
  });

  test("that is taken is told", async () => {
    await using agent = await Agent.start();
    const client = await agent.client();
    const taken = createSocket("udp6").bind(0, "::");
    await once(taken, "listening");
    client.say({ type: "listen", id: 3, port: taken.address().port, protocol: "udp" });
    expect(await client.hear("listen-failed")).toMatchObject({ id: 3, code: "EADDRINUSE" });
    taken.close();
  });
});

test.skipIf(outerAddress === undefined)("a port on loopback is reached there and from nowhere else", async () => {
  await using agent = await Agent.start();
  const client = await agent.client((stream) => {
    stream.attach({ onData: () => 0, onEnd: () => 0, onDrain: () => 0, onClose: () => 0 });
    stream.write(Buffer.from("private"));
  });
  const [port] = (await freePorts(1)) as [number];
  client.say({ type: "listen", id: 1, port, address: "loopback" });
  await client.hear("listening");
  for (const host of ["127.0.0.1", "::1"]) {
    const [bytes] = (await once(connect(port, host), "data")) as [Buffer];
    expect(bytes.toString()).toBe("private");
  }
  const [error] = (await once(connect(port, outerAddress), "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});

test.each(["SIGQUIT", "SIGWINCH", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGPWR"] as const)(
  "an image's stop signal %s is the pod's end, which the client hears of and outlives",
  async (signal) => {
    await using agent = await Agent.start();
    const client = await agent.client();
    agent.child.kill(signal);
    expect(await client.hear("terminating")).toEqual({ type: "terminating", signal });
    client.say({ type: "quit", reason: "done" });
    expect(await agent.exit).toBe(0);
    expect(agent.log).not.toContain("Debugger");
  },
);
