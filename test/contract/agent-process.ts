import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askStatus, shakeHandsAsClient } from "../../src/tunnel/client-handshake.ts";
import { ControlChannel } from "../../src/tunnel/control-channel.ts";
import { Mux } from "../../src/tunnel/mux.ts";
import { createSessionKey, type SessionKey } from "../../src/tunnel/session-key.ts";
import type { MuxEnd } from "../../src/tunnel/stream-end.ts";
import type { MuxStream } from "../../src/tunnel/stream.ts";
import type { AgentStatus } from "../../src/wire/agent-status.ts";
import { type AgentMessage, type ClientMessage, parseAgentMessage } from "../../src/wire/control-message.ts";

const sources = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));

/** The agent as one file, in a folder of its own that goes with the guard. */
export async function bundleAgent(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "swap-agent-"));
  const path = join(folder, "agent.cjs");
  const { build } = await import("esbuild");
  await build({
    entryPoints: [sources],
    outfile: path,
    bundle: true,
    format: "cjs",
    platform: "node",
    logLevel: "error",
  });
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server: Server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A client of a real agent: hears its control messages in order. */
export class Client {
  readonly mux: Mux;
  readonly end: Promise<MuxEnd>;
  readonly messages: AgentMessage[] = [];
  readonly #control: ControlChannel<ClientMessage, AgentMessage>;
  readonly #waiting = new Set<() => void>();

  constructor(connection: Socket, onInbound: (stream: MuxStream) => void) {
    const end = Promise.withResolvers<MuxEnd>();
    this.end = end.promise;
    this.mux = new Mux(connection, { role: "client", onStream: onInbound, onClose: end.resolve });
    this.#control = new ControlChannel(this.mux.open({ kind: "control" }), {
      parse: parseAgentMessage,
      onMessage: (message) => {
        this.messages.push(message);
        for (const look of this.#waiting) look();
      },
      onClose: () => undefined,
    });
  }

  say(message: ClientMessage): void {
    this.#control.send(message);
  }

  /** The first message of the type, also one that has come already. */
  async hear<T extends AgentMessage["type"]>(type: T): Promise<Extract<AgentMessage, { type: T }>> {
    const find = (): AgentMessage | undefined => this.messages.find((message) => message.type === type);
    return await new Promise((resolve) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found as Extract<AgentMessage, { type: T }>);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export interface AgentOptions {
  graceMs?: number;
  env?: NodeJS.ProcessEnv;
  /** What node runs: the sources by default. */
  main?: string;
}

/** A real agent process, ended with the test. */
export class Agent implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly key: SessionKey;
  readonly tunnelPort: number;
  readonly healthPort: number;
  /** Resolves with the exit status, or the signal that ended it. */
  readonly exit: Promise<number | string | null>;
  log = "";

  private constructor(options: AgentOptions, ports: readonly number[]) {
    const { graceMs = 30_000, env = process.env, main = sources } = options;
    const key = createSessionKey();
    this.key = key;
    this.tunnelPort = ports[0]!;
    this.healthPort = ports[1]!;
    const told = ["--session", "s1", "--public-key", key.publicKey, "--grace", `${graceMs}`];
    const doors = ["--tunnel-port", `${this.tunnelPort}`, "--health-port", `${this.healthPort}`];
    // The flags of the launcher.
    const flags = ["--max-old-space-size=24", "--max-semi-space-size=1"];
    const stdio = ["ignore", "ignore", "pipe"] as const;
    this.child = spawn(process.execPath, [...flags, main, "run", ...told, ...doors], { stdio: [...stdio], env });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.log += text));
    this.exit = once(this.child, "close").then(
      ([status, signal]: (number | string | null)[]) => status ?? signal ?? null,
    );
  }

  static async start(options: AgentOptions = {}): Promise<Agent> {
    const agent = new Agent(options, await freePorts(2));
    while (!agent.log.includes("waiting for its client")) {
      await Promise.race([once(agent.child.stderr!, "data"), agent.exit]);
      if (agent.child.exitCode !== null) throw new Error(`the agent did not start: ${agent.log}`);
    }
    return agent;
  }

  async dial(): Promise<Socket> {
    const socket = connect({ port: this.tunnelPort, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return socket;
  }

  async client(onInbound: (stream: MuxStream) => void = () => undefined): Promise<Client> {
    const socket = await this.dial();
    return new Client(await shakeHandsAsClient(socket, { session: "s1", privateKey: this.key.privateKey }), onInbound);
  }

  async status(): Promise<AgentStatus> {
    return await askStatus(await this.dial());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    await this.exit;
  }
}
