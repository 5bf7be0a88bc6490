// A developer's program that does as it is told. It listens on LOCAL_PORT: GET /exit/N ends it with status N,
// GET /kill/SIGNAL by that signal. It says whether it has a terminal, repeats its stdin, and counts Ctrl-C: after the
// first it cleans up for half a second, and ends with status 0.
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const say = (text) => process.stdout.write(`actor ${text}\n`);
const server = createServer((request, response) => {
  const [, verb, what] = request.url.split("/");
  response.setHeader("connection", "close");
  response.end(JSON.stringify({ from: "local", pid: process.pid }), () => {
    if (verb === "exit") process.exit(Number(what));
    if (verb === "kill") process.kill(process.pid, what);
  });
});
server.listen(Number(process.env.LOCAL_PORT), "127.0.0.1", () => say("listens"));
say(`stdin ${process.stdin.isTTY ? "tty" : "pipe"}, stdout ${process.stdout.isTTY ? "tty" : "pipe"}`);
createInterface({ input: process.stdin })
  .on("line", (line) => say(`read: ${line}`))
  .on("close", () => say("read the end"));
let interrupts = 0;
process.on("SIGINT", () => {
  interrupts += 1;
  say(`got SIGINT ${interrupts}`);
  if (interrupts === 1) setTimeout(() => say("has cleaned up") && process.exit(0), 500);
});
