import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  allReady,
  freePort,
  identityDeployment,
  inCluster,
  runSwap,
  serviceOf,
  startSwap,
  surroundings,
  useNamespace,
  type InClusterClient,
  type Namespace,
  type SwapProcess,
} from "../support/cluster.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";
import { useSandbox } from "../support/sandbox.ts";

const execute = promisify(execFile);
let ns: Namespace;
let client: InClusterClient;

beforeAll(async () => {
  ns = await useNamespace("local-process");
  const env = [{ name: "GREETING", value: "hello there" }];
  await ns.apply(identityDeployment({ container: { env } }), serviceOf());
  client = await inCluster(ns);
  await allReady(ns);
  await client.answeredFrom("http://api/", "original");
});

afterAll(async () => {
  await client?.[Symbol.asyncDispose]();
  await ns?.[Symbol.asyncDispose]();
});

async function start(flags: readonly string[], command: (folder: string) => readonly string[]): Promise<SwapProcess> {
  const port = await freePort();
  const args = ["deploy/api", "-n", ns.name, "-p", `${port}:8080`, "--env", `LOCAL_PORT=${port}`, ...flags];
  return await startSwap([...args, ...command(surroundings().tester.folder)]);
}

const actor = (folder: string): string[] => ["--", "node", join(folder, "apps/actor.mjs")];

test.each([
  ["/exit/0", 0],
  ["/exit/7", 7],
  ["/kill/SIGKILL", 128 + 9],
])("when the local process ends by %s the session ends, with status %i", async (path, status) => {
  await using swap = await start([], actor);
  await swap.swapped();
  expect(await client.identity(`http://api${path}`)).toMatchObject({ from: "local" });
  expect(await swap.ended(), swap.output).toMatchObject({ status });
  expect(swap.stderr).toMatch(/restored: the workload is as it was/);
  await nothingLeftInCluster(ns);
  await client.answeredFrom("http://api/", "original");
});

test("a command that ends before it listens changes nothing, and its status is told", async () => {
  await using swap = await start([], () => ["--", "sh", "-c", "exit 9"]);
  const end = await swap.ended();
  expect(end).toMatchObject({ status: 9 });
  expect(end.stderr).toMatch(/ended with status 9 before it took over any traffic; nothing was swapped/);
  await nothingLeftInCluster(ns);
  expect(await client.identity("http://api/")).toMatchObject({ from: "original" });
});

test("stdin reaches the local process to its end; a pipe is no terminal", async () => {
  await using swap = await start([], actor);
  await swap.says(/actor stdin pipe, stdout pipe/);
  swap.child.stdin?.write("first line\nsecond");
  await swap.says(/actor read: first line/);
  swap.child.stdin?.end();
  await swap.says(/actor read: second\nactor read the end/);
  await swap.swapped();
  await client.identity("http://api/exit/0");
  expect(await swap.ended()).toMatchObject({ status: 0 });
});

/** Version `n` of a program: it takes a moment to end and a moment to start, as programs do. */
const version = (n: number): string => `
import { createServer } from "node:http";
const server = createServer((_request, response) => response.end(JSON.stringify({ from: "local", version: ${n} })));
setTimeout(() => server.listen(Number(process.env.LOCAL_PORT), "127.0.0.1"), 200);
process.on("SIGTERM", () => {
  server.close(() => process.stdout.write("version ${n} is closed\\n", () => setTimeout(() => process.exit(0), 100)));
});
`;

test("20 restarts by `node --watch` never lose the session, and requests meanwhile wait for the new version", async () => {
  await using sandbox = await useSandbox();
  const app = await sandbox.write("app.mjs", version(0));
  await using swap = await start([], () => ["--", "node", "--watch", app]);
  await swap.swapped();
  expect(await client.identity("http://api/")).toMatchObject({ version: 0 });
  for (let n = 1; n <= 20; n++) {
    await sandbox.write("app.mjs", version(n));
    await swap.says(new RegExp(`version ${n - 1} is closed\n`));
    const answers = await Promise.all([1, 2, 3].map(() => client.identity("http://api/")));
    expect(answers, swap.output).toEqual([1, 2, 3].map(() => ({ from: "local", version: n })));
  }
  expect(swap.stderr).not.toMatch(/refused|broke|reconnect/);
  swap.kill("SIGINT");
  await swap.ended();
  expect(swap.stderr).toMatch(/restored: the workload is as it was/);
  await nothingLeftInCluster(ns);
});

test("--keep keeps the session when the local process ends", async () => {
  await using swap = await start(["--keep", "--hold", "1s"], actor);
  await swap.swapped();
  await client.identity("http://api/exit/3");
  await swap.says(/the command has ended; the session is kept/);
  await expect(client.identity("http://api/")).rejects.toThrow(/ECONNRESET|ECONNREFUSED|hang up/);
  const [, port] = await swap.says(/127\.0\.0\.1:(\d+)/);
  const folder = surroundings().tester.folder;
  const next = execFile(join(folder, "bin/node"), [join(folder, "apps/echo.mjs")], { env: { LOCAL_PORT: port } });
  try {
    await client.answeredFrom("http://api/", "local");
  } finally {
    next.kill();
  }
  expect(await runSwap(["restore", "-n", ns.name])).toMatchObject({ status: 0 });
  expect(await swap.ended()).toMatchObject({ status: 3 });
  await nothingLeftInCluster(ns);
  await client.answeredFrom("http://api/", "original");
});

test.each(["SIGINT", "SIGKILL"] as const)(
  "without a command: an env file of this user alone, gone after %s, and the ports for an IDE",
  async (signal) => {
    await using swap = await start(["--grace", "4s"], () => []);
    const [, path = ""] = await swap.says(/environment file for your IDE .*: (\S+)/);
    await swap.swapped();
    expect(swap.stderr).toMatch(/port 8080 of the pod: listen on 127\.0\.0\.1:\d+/);
    expect(await readFile(path, "utf8")).toMatch(/^GREETING='hello there'$/m);
    const { mode, uid } = await stat(path);
    expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o600, uid: surroundings().tester.uid });
    const other = { uid: 65534, gid: 65534 };
    await expect(execute("cat", [path], other), "another user can read it").rejects.toThrow(/Permission denied/);

    swap.kill(signal);
    await swap.ended();
    await expect(readFile(path), `${path} is still there`).rejects.toThrow(/ENOENT/);
    await client.answeredFrom("http://api/", "original", 30_000);
    if (signal === "SIGINT") await nothingLeftInCluster(ns);
    else expect(await runSwap(["restore", "--all", "-n", ns.name])).toMatchObject({ status: 0 });
  },
);
