// prices: what an item costs. It answers only those who know its token.
import { createServer } from "node:http";

const { PRICES_TOKEN, PORT = "8080" } = process.env;
const cents = new Map([
  ["espresso", 250],
  ["cappuccino", 340],
  ["croissant", 190],
]);

const server = createServer((request, response) => {
  const answer = (status, body) =>
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  const { pathname } = new URL(request.url, "http://prices");
  if (pathname === "/healthz") return answer(200, { ok: true });
  if (request.headers.authorization !== `Bearer ${PRICES_TOKEN}`) return answer(401, { error: "wrong token" });
  const item = /^\/prices\/(\w+)$/.exec(pathname)?.[1];
  if (!cents.has(item)) return answer(404, { error: `no such item: ${item}`, items: [...cents.keys()] });
  return answer(200, { item, cents: cents.get(item) });
});

server.listen(Number(PORT), () => console.log(`prices listens on ${PORT}`));
process.once("SIGTERM", () => server.close());
