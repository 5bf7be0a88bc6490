// web: the shop's page. It asks the service "api" for every quote, on behalf of the browser.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

const { API_URL = "http://api", PORT = "8080" } = process.env;
const page = await readFile(new URL("page.html", import.meta.url));

const server = createServer((request, response) => {
  const send = (status, type, body) => response.writeHead(status, { "content-type": type }).end(body);
  const { pathname, search } = new URL(request.url, "http://web");
  if (pathname === "/") return send(200, "text/html; charset=utf-8", page);
  if (pathname === "/healthz") return send(200, "application/json", '{"ok":true}\n');
  if (pathname !== "/quote") return send(404, "text/plain", "no such page\n");
  // No timeout of its own: a breakpoint in the api may hold the answer for minutes.
  return fetch(`${API_URL}/quote${search}`)
    .then(async (answer) => send(answer.status, "application/json", await answer.text()))
    .catch((error) => send(502, "application/json", `${JSON.stringify({ error: `api: ${error.cause ?? error}` })}\n`));
});

server.listen(Number(PORT), () => console.log(`web listens on ${PORT}`));
process.once("SIGTERM", () => server.close());
