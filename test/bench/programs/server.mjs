// What is measured against: `server.mjs PORT NAME`. The same program is the original, the local process, and the server
// beside the agent.
//   GET /            {"from": NAME}
//   GET /bytes?n=N   N bytes
//   POST /sink       takes the body, answers with its length
import { createServer } from "node:http";

const [port, from] = process.argv.slice(2);
const block = Buffer.alloc(65_536, "swap");

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://bench");
  if (pathname === "/bytes") return sendBytes(response, Number(searchParams.get("n")));
  let taken = 0;
  for await (const chunk of request) taken += chunk.length;
  const body = JSON.stringify(pathname === "/sink" ? { taken } : { from });
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
// Connections are kept from one round to the next.
server.keepAliveTimeout = 300_000;
server.listen(Number(port));
process.on("SIGTERM", () => process.exit(0));
process.on("SIGINT", () => process.exit(0));

async function sendBytes(response, total) {
  response.writeHead(200, { "content-length": total });
  for (let left = total; left > 0; left -= block.length) {
    const goesOn = response.write(left < block.length ? block.subarray(0, left) : block);
    if (!goesOn) await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}
