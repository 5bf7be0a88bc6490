import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test, vi } from "vitest";
import { Connections } from "../../agent/connections.ts";
import { PodUdpPort } from "../../agent/pod-udp-port.ts";
import { UdpFlow } from "../../agent/outbound/udp-flow.ts";
import { DatagramStream } from "../../src/datagram-stream.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { freePorts } from "../contract/agent-process.ts";
import { memoryPair } from "../contract/pairs.ts";
import { tunnel } from "../contract/tunnel.ts";

vi.setConfig({ testTimeout: 30_000 });

test("a peer of a UDP port is forgotten after its silence", async () => {
  await using pair = memoryPair();
  const streams: MuxStream[] = [];
  const { agent } = tunnel(pair, {
    client: {
      onStream: (stream) => {
        streams.push(stream);
        return new DatagramStream(stream, { onDatagram: () => 0, onClose: () => 0 }, { max: 1_000, used: 0 });
      },
    },
  });
  const peers = { open: 0 };
  const host = { connections: new Connections(), holdMs: 1_000, peers, backlog: { max: 1 << 20, used: 0 } };
  const [number] = (await freePorts(1)) as [number];
  const port = await PodUdpPort.open(number, "any", host, 100);
  port.serve(agent);
  const socket = createSocket("udp4");
  socket.send("hello", number, "127.0.0.1");
  await expect.poll(() => peers.open).toBe(1);
  await expect.poll(() => peers.open).toBe(0);
  expect(streams.map(({ closed }) => closed)).toEqual([{ how: "finished" }]);
  socket.close();
  port.close();
});

test("datagrams that the tunnel does not take are dropped, and the memory they wait in is bounded", async () => {
  await using pair = memoryPair();
  const ends = tunnel(pair);
  const sink = createSocket("udp4").bind(0, "127.0.0.1");
  await once(sink, "listening");
  const open = { kind: "udp", host: "127.0.0.1", port: sink.address().port } as const;
  // Its reader never comes: no credit beyond the first.
  const stream = ends.client.open(open);
  stream.attach({ onData: () => 0, onEnd: () => 0, onDrain: () => 0, onClose: () => 0 });
  stream.write(Buffer.from([0, 1, 0x61]));
  const backlog = { max: 100_000, used: 0 };
  const flow = new UdpFlow(open, await ends.accepted(), backlog, () => 0);
  const [, from] = (await once(sink, "message")) as [Buffer, { port: number }];
  while (flow.dropped < 100) {
    sink.send(Buffer.alloc(1_000), from.port, "127.0.0.1");
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(backlog.used).toBeGreaterThan(0);
  expect(backlog.used).toBeLessThanOrEqual(70_000);
  stream.reset(1);
  await expect.poll(() => backlog.used).toBe(0);
  sink.close();
});
