// api: what an order costs. The price of one piece comes from the service "prices", the discount from a ConfigMap.
import { createServer } from "node:http";
import { hostname } from "node:os";

const { PRICES_URL = "http://prices", PRICES_TOKEN, DISCOUNT_PERCENT = "0", PORT = "8080" } = process.env;

async function quote(item, count) {
  const cents = await priceOf(item);
  const full = cents * count;
  const discount = Math.round((full * Number(DISCOUNT_PERCENT)) / 100);
  const total = full - discount; // a good line for a breakpoint
  return { item, count, cents: total, servedBy: hostname() };
}

async function priceOf(item) {
  const response = await fetch(`${PRICES_URL}/prices/${item}`, {
    headers: { authorization: `Bearer ${PRICES_TOKEN}` },
  });
  const { cents, error } = await response.json();
  if (!response.ok) throw Object.assign(new Error(error), { status: response.status });
  return cents;
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, "http://api");
  if (pathname === "/healthz") return { ok: true };
  if (pathname !== "/quote") throw Object.assign(new Error(`no such path: ${pathname}`), { status: 404 });
  return quote(searchParams.get("item"), Number(searchParams.get("count") ?? 1));
}

const server = createServer((request, response) => {
  const send = (status, body) =>
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  answer(request).then(
    (body) => send(200, body),
    (error) => send(error.status ?? 502, { error: error.message, servedBy: hostname() }),
  );
});

server.listen(Number(PORT), () => console.log(`api listens on ${PORT}`));
process.once("SIGTERM", () => server.close());
