// A developer's program: answers every request with who it is and what it got. LOCAL_PORT is where it listens.
// GET /env answers with its whole environment. SIGTERM and SIGINT end it at once, exit status 0.
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { method, url, headers } = request;
  const answer =
    url === "/env"
      ? { from: "local", env: process.env }
      : { from: "local", pid: process.pid, pod: process.env.HOSTNAME, method, url, headers, body };
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(answer)}\n`);
});
server.listen(Number(process.env.LOCAL_PORT ?? 8080), "127.0.0.1", () => {
  process.stdout.write(`echo listens on ${server.address().port}\n`);
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    process.stdout.write(`echo got ${signal}\n`, () => process.exit(0));
  });
}
