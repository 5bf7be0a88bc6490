// A developer's program that is told what to do by HTTP on port 8080: shows what it sees of the world around it.
// GET /sh?COMMAND runs a shell command; GET /fetch?URL fetches; GET /listen?PORT[&ADDRESS] opens one more port.
import { execFile } from "node:child_process";
import { createServer } from "node:http";

const answer = (request, response) => {
  const { pathname, search } = new URL(request.url, "http://localhost");
  const argument = decodeURIComponent(search.slice(1));
  const reply = (status, body) => response.writeHead(status).end(body);
  const fail = (error) => reply(500, String(error.cause?.code ?? error.message));
  if (pathname === "/sh") {
    execFile("sh", ["-c", argument], (error, stdout, stderr) => reply(error ? 500 : 200, `${stdout}${stderr}`));
  } else if (pathname === "/fetch") {
    fetch(argument).then(async (fetched) => reply(fetched.status, await fetched.text()), fail);
  } else if (pathname === "/listen") {
    const [port, address = "0.0.0.0"] = argument.split("&");
    const server = createServer(answer).on("error", fail);
    server.listen(Number(port), address, () => reply(200, "listens"));
  } else reply(200, "inside");
};
createServer(answer).listen(8080, "0.0.0.0");
