// A developer's program that listens on LOCAL_PORT as long as the file SWITCH exists, and says so.
import { existsSync } from "node:fs";
import { createServer } from "node:http";

let server;
const look = () => {
  const wanted = existsSync(process.env.SWITCH);
  if (wanted && !server) {
    server = createServer((_request, response) => response.end(JSON.stringify({ from: "local" })));
    server.listen(Number(process.env.LOCAL_PORT), "127.0.0.1", () => process.stdout.write("late listens\n"));
  } else if (!wanted && server) {
    server.close();
    server.closeAllConnections();
    server = undefined;
    process.stdout.write("late stopped\n");
  }
};
setInterval(look, 20);
