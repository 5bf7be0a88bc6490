// Runs in the client pod: `node -e <this> NAME HOST PORT [SIZE]` speaks one protocol and prints what came of it as JSON.
import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buffer } from "node:stream/consumers";

const [name, host, port, size] = process.argv.slice(1);

/** As in apps/protocol-bytes.mjs. */
function* pattern(count) {
  for (let at = 0; at < count; at += 65_536) {
    const block = Buffer.alloc(Math.min(65_536, count - at), at & 0xff);
    for (let i = 0; i + 8 <= block.length; i += 512) block.writeBigUInt64LE(BigInt(at + i), i);
    yield block;
  }
}
const sum = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
};

const send = (agent, path) =>
  new Promise((resolve, reject) => {
    const sent = request({ host, port, path, agent }, async (response) => resolve((await buffer(response)).toString()));
    sent.on("error", reject).end();
  });

async function keepAlive() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const locals = new Set();
  agent.on("free", (socket) => locals.add(socket.localPort));
  let right = 0;
  for (let i = 0; i < 500; i += 1) if (JSON.parse(await send(agent, `/n/${i}`)).url === `/n/${i}`) right += 1;
  agent.destroy();
  return { right, connections: locals.size };
}

function h2Request(session, path, headers = {}, body) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": path, ":method": body ? "POST" : "GET", ...headers });
    const heard = { trailers: {} };
    stream.on("response", (got) => (heard.status = got[":status"]));
    stream.on("trailers", (trailers) => (heard.trailers = { ...trailers }));
    stream.on("error", reject);
    stream.end(body);
    buffer(stream).then((bytes) => resolve({ ...heard, bytes }), reject);
  });
}

async function http2() {
  const session = connectHttp2(`http://${host}:${port}`);
  const paths = Array.from({ length: 100 }, (_, i) => `/n/${i}`);
  const answers = await Promise.all(paths.map((path) => h2Request(session, path)));
  session.close();
  return { right: answers.filter(({ bytes }, i) => JSON.parse(bytes.toString()).url === paths[i]).length };
}

function grpcMessages(bytes) {
  const messages = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length).toString());
    at += 5 + length;
  }
  return messages;
}

async function grpc() {
  const session = connectHttp2(`http://${host}:${port}`);
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const call = async (method, text) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(text.length, 1);
    const body = Buffer.concat([head, Buffer.from(text)]);
    const { bytes, trailers } = await h2Request(session, `/echo.Echo/${method}`, headers, body);
    return { messages: grpcMessages(bytes), status: trailers["grpc-status"], message: trailers["grpc-message"] };
  };
  const results = {
    unary: await call("Unary", "one"),
    stream: await call("Stream", "many"),
    failed: await call("Unary", ""),
  };
  session.close();
  return results;
}

async function webSocket() {
  const socket = new WebSocket(`ws://${host}:${port}/ws`);
  socket.binaryType = "arraybuffer";
  await once(socket, "open");
  let right = 0;
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    const sent = "x".repeat(length);
    socket.send(sent);
    const [{ data }] = await once(socket, "message");
    if (data === sent) right += 1;
  }
  socket.close(1000, "done");
  const [{ code }] = await once(socket, "close");
  return { right, code };
}

async function halfClose() {
  const socket = connect({ host, port, allowHalfOpen: true });
  const answered = buffer(socket);
  await pipeline(Readable.from(pattern(1_000_000)), socket);
  return { right: (await answered).toString() === `1000000 ${sum(pattern(1_000_000))}` };
}

async function bodies() {
  const count = Number(size);
  const up = new Promise((resolve, reject) => {
    const sent = request({ host, port, path: "/sum", method: "POST", agent: false }, async (response) =>
      resolve((await buffer(response)).toString()),
    );
    sent.on("error", reject);
    Readable.from(pattern(count)).pipe(sent);
  });
  const down = new Promise((resolve, reject) => {
    const sent = request({ host, port, path: `/bytes/${count}`, agent: false }, async (response) => {
      const hash = createHash("sha256");
      let length = 0;
      for await (const chunk of response) {
        hash.update(chunk);
        length += chunk.length;
      }
      resolve({ length, hash: hash.digest("hex") });
    });
    sent.on("error", reject).end();
  });
  const wanted = sum(pattern(count));
  const [sent, got] = await Promise.all([up, down]);
  return { up: sent === wanted, down: got.length === count && got.hash === wanted };
}

/** All are open before any exchanges its data, and all stay open until the last has. */
async function connections() {
  const count = Number(size);
  const failures = [];
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ host, port });
      socket.on("error", (error) => failures.push(error.code));
      await once(socket, "connect").catch(() => undefined);
      return socket;
    }),
  );
  const exchange = (socket, index, round) =>
    new Promise((resolve) => {
      const sent = Buffer.alloc(1_000, `${index} ${round};`);
      const chunks = [];
      const onData = (chunk) => {
        chunks.push(chunk);
        if (Buffer.concat(chunks).length < sent.length) return;
        socket.off("data", onData);
        resolve(Buffer.concat(chunks).equals(sent));
      };
      socket.on("data", onData).once("close", () => resolve(false));
      socket.write(sent);
    });
  let right = 0;
  for (const round of [1, 2]) {
    const results = await Promise.all(sockets.map((socket, index) => exchange(socket, index, round)));
    right += results.filter(Boolean).length;
  }
  for (const socket of sockets) socket.end();
  return { right, failures };
}

/** One exchange of a few bytes with an echo. */
async function echo() {
  const socket = connect({ host, port });
  const answered = buffer(socket);
  socket.end("hello");
  return { right: (await answered).toString() === "hello" };
}

const work = { keepAlive, http2, grpc, webSocket, halfClose, bodies, connections, echo }[name];
process.stdout.write(JSON.stringify(await work()));
