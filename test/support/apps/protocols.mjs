// A developer's program that speaks many protocols. PORTS is a JSON object of where each listens: { http, h2, raw, … }.
// http: HTTP/1.1; POST /sum → sha256 of the body; GET /bytes/N → N bytes; GET /ws upgraded: a WebSocket that echoes.
// h2: HTTP/2 without TLS: says what it was asked for; and gRPC /echo.Echo/Unary and /echo.Echo/Stream.
// raw: answers "<bytes> <sha256>" once the peer has ended its side. echo: gives back what it gets, and so does any other.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer as createTcpServer } from "node:net";
import { pipeline } from "node:stream/promises";
import { pattern } from "./protocol-bytes.mjs";

const ports = JSON.parse(process.env.PORTS);
const sha256 = () => createHash("sha256");

async function answer(request, response) {
  if (request.method === "POST") {
    const hash = sha256();
    for await (const chunk of request) hash.update(chunk);
    return response.end(hash.digest("hex"));
  }
  const [, count] = /^\/bytes\/(\d+)$/.exec(request.url) ?? [];
  if (count !== undefined) return await pipeline(pattern(Number(count)), response);
  response.end(JSON.stringify({ from: "local", url: request.url, port: request.socket.localPort }));
}

const http = createServer(answer);
http.keepAliveTimeout = 60_000;
http.on("upgrade", (request, socket) => {
  const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + magic)
    .digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, "", ""].join("\r\n"));
  let unread = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    for (let frame = readFrame(unread); frame; frame = readFrame(unread)) {
      unread = unread.subarray(frame.length);
      socket.write(writeFrame(frame.opcode, frame.payload));
      if (frame.opcode === 8) socket.end();
    }
  });
});

// RFC 6455, section 5.2: whole frames, masked by the client.
function readFrame(bytes) {
  if (bytes.length < 2) return undefined;
  let size = bytes[1] & 127;
  let at = 2;
  if (size === 126) [size, at] = [bytes.length < 4 ? Infinity : bytes.readUInt16BE(2), 4];
  else if (size === 127) [size, at] = [bytes.length < 10 ? Infinity : Number(bytes.readBigUInt64BE(2)), 10];
  const length = at + 4 + size;
  if (bytes.length < length) return undefined;
  const payload = Buffer.from(bytes.subarray(at + 4, length));
  for (let i = 0; i < payload.length; i += 1) payload[i] ^= bytes[at + (i & 3)];
  return { opcode: bytes[0] & 15, payload, length };
}

function writeFrame(opcode, payload) {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) head.writeUInt16BE(payload.length, head.writeUInt8(126, 1));
  else head.writeBigUInt64BE(BigInt(payload.length), head.writeUInt8(127, 1));
  return Buffer.concat([head, payload]);
}

const h2 = createHttp2Server();
// Streams only: the compatible API of requests would send trailers of its own.
h2.on("stream", async (stream, headers) => {
  if (headers["content-type"] !== "application/grpc") {
    stream.respond({ ":status": 200 });
    return stream.end(JSON.stringify({ from: "local", url: headers[":path"] }));
  }
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const message = Buffer.concat(chunks).subarray(5);
  const fails = message.length === 0;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () =>
    stream.sendTrailers(fails ? { "grpc-status": "3", "grpc-message": "empty" } : { "grpc-status": "0" }),
  );
  const times = fails ? 0 : headers[":path"].endsWith("/Stream") ? 10 : 1;
  for (let i = 0; i < times; i += 1) {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length + 1, 1);
    stream.write(Buffer.concat([head, message, Buffer.of(48 + i)]));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stream.end();
});

const raw = createTcpServer({ allowHalfOpen: true }, async (socket) => {
  const hash = sha256();
  let bytes = 0;
  for await (const chunk of socket) {
    bytes += chunk.length;
    hash.update(chunk);
  }
  // Long after the peer has ended its side.
  setTimeout(() => socket.end(`${bytes} ${hash.digest("hex")}`), 300);
});

const echo = () =>
  createTcpServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });

const servers = { http, h2, raw };
for (const [name, port] of Object.entries(ports))
  (servers[name] ?? echo()).listen({ port, host: "127.0.0.1", backlog: 2048 });
process.on("SIGTERM", () => process.exit(0));
