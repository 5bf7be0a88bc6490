import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { resetCode } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import { type Pair, transports } from "./pairs.ts";
import { Ear, type Tunnel, tunnel } from "./tunnel.ts";

const control = { kind: "control" } as const;

/** A stream of the client's with both of its sides. */
async function openedStream(made: Tunnel, far: { reading?: boolean; keep?: boolean } = {}): Promise<[Ear, Ear]> {
  const near = new Ear(made.client.open(control));
  return [near, new Ear(await made.accepted(), far)];
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe.each(transports)("a tunnel over %s", (_name, makePair) => {
  const makeTunnel = async (tuning?: Parameters<typeof tunnel>[1]): Promise<{ pair: Pair; made: Tunnel }> => {
    const pair = await makePair();
    return { pair, made: tunnel(pair, tuning) };
  };

  test("carries random bytes both ways at once, none lost, doubled or reordered", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [near, far] = await openedStream(made);
    const up = randomBytes(3_000_001);
    const down = randomBytes(2_000_003);
    await Promise.all([near.send(up, 70_001), far.send(down, 1_009)]);
    near.stream.end();
    far.stream.end();
    await Promise.all([near.until(() => near.end !== undefined), far.until(() => far.end !== undefined)]);
    expect(sha256(far.bytes)).toBe(sha256(up));
    expect(sha256(near.bytes)).toBe(sha256(down));
    expect([near.end, far.end]).toEqual([{ how: "finished" }, { how: "finished" }]);
    expect([made.client.size, made.agent.size]).toEqual([0, 0]);
    expect([made.client.budget.promised, made.agent.budget.promised]).toEqual([0, 0]);
  });

  test("carries writes of one byte", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [near, far] = await openedStream(made);
    const bytes = randomBytes(20_000);
    await near.send(bytes, 1);
    await far.until(() => far.received === bytes.length);
    expect(sha256(far.bytes)).toBe(sha256(bytes));
  });

  test("lets one direction end while the other goes on", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [near, far] = await openedStream(made);
    near.stream.write(Buffer.from("question"));
    near.stream.end();
    await far.until(() => far.ended);
    expect(near.end).toBeUndefined();
    await far.send(randomBytes(500_000));
    far.stream.end();
    await near.until(() => near.end !== undefined);
    expect(near.received).toBe(500_000);
    expect(near.end).toEqual({ how: "finished" });
  });

  test("delivers what came before the holder attached", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const near = new Ear(made.client.open(control));
    near.stream.write(Buffer.from("early"));
    near.stream.end();
    const accepted = await made.accepted();
    const [probe, probed] = await openedStream(made);
    probe.stream.write(Buffer.from("x"));
    await probed.until(() => probed.received === 1);
    const far = new Ear(accepted);
    expect(far.bytes.toString()).toBe("early");
    expect(far.ended).toBe(true);
  });

  test("resets by either side, with the code, and nothing after it", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [near, far] = await openedStream(made);
    near.stream.write(randomBytes(100));
    await far.until(() => far.received === 100);
    far.stream.reset(resetCode.connectionReset);
    expect(far.end).toEqual({ how: "reset", by: "us", code: resetCode.connectionReset });
    await near.until(() => near.end !== undefined);
    expect(near.end).toEqual({ how: "reset", by: "peer", code: resetCode.connectionReset });
    expect(near.stream.write(randomBytes(10))).toBe(true);
    expect(made.client.ended).toBeUndefined();
    const [again, answered] = await openedStream(made);
    again.stream.reset(77);
    await answered.until(() => answered.end !== undefined);
    expect(answered.end).toEqual({ how: "reset", by: "peer", code: 77 });
  });

  test("stops a writer whose reader does not read, and nobody else", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [stalled, sleeper] = await openedStream(made, { reading: false });
    const chunk = randomBytes(65_536);
    let written = 0;
    while (stalled.stream.write(chunk)) written += chunk.length;
    expect(written).toBeLessThan(1 << 20);
    const [near, far] = await openedStream(made, { keep: false });
    await near.send(Buffer.alloc(8 << 20));
    near.stream.end();
    await far.until(() => far.ended);
    expect(far.received).toBe(8 << 20);
    expect(sleeper.received).toBeLessThanOrEqual(made.agent.budget.limits.initial);
    expect(stalled.drains).toBe(0);
    sleeper.read();
    await sleeper.until(() => sleeper.received === written + chunk.length);
    await stalled.until(() => stalled.drains === 1);
  });

  test("bounds what a thousand stalled readers can be made to hold", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const ears: [Ear, Ear][] = [];
    for (let count = 0; count < 1_000; count += 1) ears.push(await openedStream(made, { reading: false, keep: false }));
    for (const [near] of ears) near.stream.write(Buffer.alloc(40_000));
    const [near, far] = await openedStream(made);
    near.stream.write(Buffer.from("after"));
    await far.until(() => far.received === 5);
    const held = ears.reduce((sum, [, sleeper]) => sum + sleeper.unread, 0);
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(made.agent.budget.limits.total);
    expect(made.agent.budget.promised).toBeLessThanOrEqual(made.agent.budget.limits.total);
  });

  test("lets a small stream through beside bulk ones", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const bulk = await Promise.all(Array.from({ length: 8 }, () => openedStream(made, { keep: false })));
    const sending = bulk.map(([near]) => near.send(Buffer.alloc(16 << 20)));
    const [near, far] = await openedStream(made);
    far.stream.write(Buffer.from("go"));
    await near.until(() => near.received === 2);
    for (let turn = 1; turn <= 20; turn += 1) {
      near.stream.write(Buffer.from("x"));
      await far.until(() => far.received === turn);
    }
    const carried = bulk.reduce((sum, [, reader]) => sum + reader.received, 0);
    // Twenty turns wait for what was under way before them, not for the bulk to be done.
    expect(carried).toBeLessThan(4 * (16 << 20));
    await Promise.all(sending);
  });

  test("keeps 10,000 streams apart", async () => {
    const { pair, made } = await makeTunnel({ agent: { maxStreams: 10_000 } });
    await using _pair = pair;
    const nears = Array.from({ length: 10_000 }, () => new Ear(made.client.open(control)));
    const fars: Ear[] = [];
    for (const _ of nears) fars.push(new Ear(await made.accepted()));
    for (const [index, near] of nears.entries()) near.stream.write(Buffer.from(`stream ${index}`));
    for (const [index, far] of fars.entries()) {
      const word = `stream ${index}`;
      await far.until(() => far.received === word.length);
      expect(far.bytes.toString()).toBe(word);
    }
    const refused = new Ear(made.client.open(control));
    await refused.until(() => refused.end !== undefined);
    expect(refused.end).toEqual({ how: "reset", by: "peer", code: resetCode.overloaded });
    for (const near of nears) near.stream.end();
    for (const far of fars) far.stream.end();
    for (const near of nears) await near.until(() => near.end !== undefined);
    expect(made.client.size).toBe(0);
    expect(made.client.budget.promised).toBe(0);
  });

  test("opens streams from the agent's side as well, with what they are for", async () => {
    const streams: MuxStream[] = [];
    const { pair, made } = await makeTunnel({ client: { onStream: (stream) => streams.push(stream) } });
    await using _pair = pair;
    const open = { kind: "inbound", port: 8080, remoteAddress: "10.0.0.7", remotePort: 40_000 } as const;
    const agentSide = new Ear(made.agent.open(open));
    const [near, far] = await openedStream(made);
    far.stream.write(Buffer.from("x"));
    await near.until(() => near.received === 1);
    expect(streams.map((stream) => stream.open)).toEqual([open]);
    const clientSide = new Ear(streams[0]!);
    await Promise.all([clientSide.send(randomBytes(300_000)), agentSide.send(randomBytes(200_000))]);
    await agentSide.until(() => agentSide.received === 300_000);
    await clientSide.until(() => clientSide.received === 200_000);
  });

  test("ends every stream on both sides when the transport is cut", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const ears = (await Promise.all([openedStream(made), openedStream(made)])).flat();
    pair.cut();
    expect((await made.clientEnd).how).toBe("gone");
    expect((await made.agentEnd).how).toBe("gone");
    expect(ears.map((ear) => ear.end?.how)).toEqual(["gone", "gone", "gone", "gone"]);
    const late = new Ear(made.client.open(control));
    expect(late.end?.how).toBe("gone");
  });

  test("tells the other side why it was closed", async () => {
    const { pair, made } = await makeTunnel();
    await using _pair = pair;
    const [near, far] = await openedStream(made);
    made.client.close("lunch");
    expect(near.end).toEqual({ how: "closed", by: "us", reason: "lunch" });
    expect(await made.agentEnd).toEqual({ how: "closed", by: "peer", reason: "lunch" });
    expect(far.end).toEqual({ how: "closed", by: "peer", reason: "lunch" });
  });

  test("takes a silent transport for dead within the deadline, and a quiet one with pings not", async () => {
    const heartbeat = { intervalMs: 20, deadAfterMs: 100 };
    const { pair, made } = await makeTunnel({ client: { heartbeat }, agent: { heartbeat } });
    await using _pair = pair;
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect([made.client.ended, made.agent.ended]).toEqual([undefined, undefined]);
    expect(made.client.roundTripMs).toBeGreaterThan(0);
    pair.agent.removeAllListeners("data");
    pair.agent.pause();
    // The agent neither reads nor, being deaf, answers; it finds the client silent, or the client finds it.
    const end = await made.clientEnd;
    expect(end.how).toBe("gone");
  });
});
