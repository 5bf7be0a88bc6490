import type { Socket as UdpSocket } from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import type { RelaySocket } from "../../src/relay-socket.ts";
import { parsePodWorld, type PodWorld } from "../../src/wire/pod-world.ts";
import { findDebugPorts } from "../immersion/debug-ports.ts";
import { innerProgram } from "../immersion/inner-program.ts";
import { Immersion } from "../immersion/outer/immersion.ts";
import type { Hold } from "../immersion/outer/inside-dialer.ts";
import { serveFiles } from "../immersion/outer/files-server.ts";
import { filesDescriptor } from "../immersion/outer/namespaces.ts";
import { chooseVolumes, rootPath } from "../immersion/plan-files.ts";
import { readHostFacts } from "../immersion/outer/host-facts.ts";
import { planWays } from "../immersion/outer/ways.ts";
import { planImmersion } from "../immersion/plan.ts";
import { clusterRanges } from "../immersion/plan-ranges.ts";
import type { Progress } from "../progress.ts";
import type { AgentLink } from "./agent-link.ts";
import { exposePort } from "./exposed-ports.ts";
import type { FollowedPorts } from "./followed-ports.ts";
import type { Command, Ground } from "./ground.ts";
import type { LocalProcess } from "./local-process.ts";
import { readAll } from "./read-all.ts";
import type { SwapOptions } from "./options.ts";

/** How often to look what the local process listens on, in ms: what it opens is open in the pod within 200. */
const followMs = 80;
/** A debugger that is attached early waits this long for the program to listen. */
const exposeHoldMs = 5_000;

export interface ImmersedGroundOptions {
  readonly flags: SwapOptions["immersion"];
  readonly progress: Progress;
  /** A tunnel that can be used now. @throws SwapError when there is none. */
  readonly link: () => AgentLink;
  readonly followed: FollowedPorts;
  /** Ports that other containers of the pod declare: the local process reaches them on its own localhost. */
  readonly neighbourPorts: readonly number[];
}

type Open = AgentLink["open"];

/** The pod's network, names and files, in namespaces of this machine. */
export class ImmersedGround implements Ground {
  readonly place = "localhost";
  readonly isOwn = true;
  readonly #options: ImmersedGroundOptions;
  readonly #stop = new AbortController();
  /** Its program starts while the cluster is at work. */
  readonly #immersion = new Immersion(innerProgram());
  /** Their ports are the laptop's business, not the pod's. */
  readonly #debuggers = new Set<number>();
  readonly #exposed = new AsyncDisposableStack();
  #following: Promise<void> | undefined;
  #files: Promise<void> | undefined;

  constructor(options: ImmersedGroundOptions) {
    this.#options = options;
  }

  async start(command: Command, signal: AbortSignal): Promise<LocalProcess> {
    const { flags, progress, neighbourPorts } = this.#options;
    const [world, host] = await Promise.all([this.#readWorld(signal), readHostFacts()]);
    const serviceHost = command.env["KUBERNETES_SERVICE_HOST"];
    const ranges = clusterRanges({ world, serviceHost, serviceRanges: [], also: flags.also });
    const open: Open = (kind) => this.#options.link().open(kind);
    const withFiles = flags.files === "volumes" || flags.files === "all";
    const ways = planWays({ world, ranges, flags, nameservers: host.nameservers, open });
    const plan = planImmersion({
      world,
      host,
      loopbackPorts: [...neighbourPorts, ...flags.laptopPorts],
      clusterRanges6: ranges.filter((range) => range.includes(":")),
      volumes: withFiles ? chooseVolumes(world.mounts, flags.localPaths, flags.mounts) : [],
      filesDescriptor: withFiles ? filesDescriptor : undefined,
      command: {
        ...command,
        env: { ...command.env, ...(withFiles ? { SWAP_ROOT: rootPath } : {}) },
        umask: process.umask(),
      },
    });
    if (withFiles) this.#files = this.#serveFiles(open);
    const { process: started, milliseconds } = await this.#immersion.start(plan, ways);
    progress.detail(
      `immersed: ${Object.entries(milliseconds)
        .map(([step, ms]) => `${step} ${ms} ms`)
        .join(", ")}`,
    );
    await this.#expose(command);
    this.#following = this.#follow();
    return started;
  }

  async dial(port: number, hold: Hold): Promise<RelaySocket | undefined> {
    return await this.#immersion.dial(port, hold);
  }

  async dialUdp(port: number): Promise<UdpSocket | undefined> {
    return await this.#immersion.dialUdp(port);
  }

  async listensOn(ports: readonly number[]): Promise<number | undefined> {
    const listening = await this.#immersion.listening();
    return ports.find((port) => listening.some((one) => one.protocol === "tcp" && one.port === port));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#exposed.disposeAsync();
    this.#immersion[Symbol.dispose]();
    await Promise.all([this.#following, this.#files]);
  }

  /** The debugger's port, and others that are asked for, on the laptop's own loopback. */
  async #expose({ program, args, env }: Command): Promise<void> {
    const { flags, progress } = this.#options;
    const debuggers = findDebugPorts([program, ...args], env);
    for (const { port } of debuggers) this.#debuggers.add(port);
    const ports = new Set([...flags.expose, ...debuggers.map(({ port }) => port)]);
    const hold = { holdMs: exposeHoldMs, signal: this.#stop.signal, onHeld: () => undefined };
    for (const port of ports) {
      const exposed = this.#exposed.use(await exposePort(port, (inside) => this.dial(inside, hold)));
      const kind = debuggers.find((one) => one.port === port)?.kind;
      const what = kind === undefined ? `port ${port}` : `the debugger (${kind}, port ${port})`;
      const attach = kind === undefined ? "" : "; attach your IDE there";
      progress.say(`${what} of the local process is at 127.0.0.1:${exposed.port}${attach}`, {
        kind: "exposed",
        port,
        local: exposed.port,
        ...(kind === undefined ? {} : { debugger: kind }),
      });
    }
  }

  async #serveFiles(open: Open): Promise<void> {
    const { progress } = this.#options;
    await serveFiles({
      open,
      first: this.#immersion.files,
      replace: (socket) => this.#immersion.replaceFiles(socket),
      isAlive: () => this.#immersion.running,
      onNote: (sentence) => progress.warn(sentence),
      signal: this.#stop.signal,
    });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const listening = await this.#immersion.listening();
      this.#options.followed.update(listening.filter(({ port }) => !this.#debuggers.has(port)));
      await delay(followMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #readWorld(signal: AbortSignal): Promise<PodWorld> {
    return parsePodWorld(await readAll(this.#options.link().open({ kind: "world" }), signal));
  }
}
