import { once } from "node:events";
import { connect, createServer, isIP, type Socket } from "node:net";
import { SwapError } from "../../src/error.ts";
import { parsePodWorld } from "../../src/wire/pod-world.ts";
import type { Forward, ImmersionFlags } from "../immersion/flags.ts";
import { readHostFacts } from "../immersion/outer/host-facts.ts";
import { planWays } from "../immersion/outer/ways.ts";
import { clusterDomain, laptopName, readResolvConf } from "../immersion/plan-names.ts";
import { clusterRanges } from "../immersion/plan-ranges.ts";
import { dialFromPod } from "../immersion/proxy/dial-pod.ts";
import { Proxy, type Dial } from "../immersion/proxy/proxy.ts";
import type { Io } from "../io.ts";
import type { Progress } from "../progress.ts";
import type { AgentLink } from "./agent-link.ts";
import { laptopGround, type Command, type Ground } from "./ground.ts";
import type { LocalProcess } from "./local-process.ts";
import { readAll } from "./read-all.ts";

export interface ProxyGroundOptions {
  readonly flags: ImmersionFlags;
  readonly io: Io;
  readonly progress: Progress;
  /** A tunnel that can be used now. @throws SwapError when there is none. */
  readonly link: () => AgentLink;
}

/** The laptop's own network and files, with the cluster behind proxies that the environment names. */
export class ProxyGround implements Ground {
  readonly place = laptopGround.place;
  readonly isOwn = false;
  readonly dial: Ground["dial"] = (...args) => laptopGround.dial(...args);
  readonly listensOn: Ground["listensOn"] = (...args) => laptopGround.listensOn(...args);
  readonly #options: ProxyGroundOptions;
  readonly #resources = new AsyncDisposableStack();

  constructor(options: ProxyGroundOptions) {
    this.#options = options;
  }

  async start(command: Command, signal: AbortSignal): Promise<LocalProcess> {
    const { flags, io } = this.#options;
    const dial = await this.#planDial(command, signal);
    const proxy = this.#resources.use(await Proxy.open(dial));
    for (const forward of flags.forwards) await this.#forward(forward, dial);
    return await laptopGround.start({ ...command, env: { ...command.env, ...proxy.environment(io.env) } }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  /** Names of the cluster and its addresses are dialled from the pod, which also resolves; others from here. */
  async #planDial(command: Command, signal: AbortSignal): Promise<Dial> {
    const { flags, link } = this.#options;
    const open: AgentLink["open"] = (kind) => link().open(kind);
    const [bytes, host] = await Promise.all([readAll(open({ kind: "world" }), signal), readHostFacts()]);
    const world = parsePodWorld(bytes);
    const serviceHost = command.env["KUBERNETES_SERVICE_HOST"];
    const ranges = clusterRanges({ world, serviceHost, serviceRanges: [], also: flags.also });
    const { destinations } = planWays({ world, ranges, flags, nameservers: host.nameservers, open });
    const resolver = readResolvConf(world.resolvConf);
    const domain = clusterDomain(resolver);
    const domains = [...resolver.search, ...(domain === undefined ? [] : [domain, "svc"]), ...flags.also];
    const namesCluster = (name: string): boolean =>
      !name.includes(".") || /^[^.]+\.[^.]+$/.test(name)
        ? flags.outbound !== "none" && !publicName(name)
        : domains.some((one) => name.endsWith(`.${one}`));
    return async (name, port) => {
      if (name === laptopName || name === "localhost") return await dialFromHere("127.0.0.1", port);
      const fromPod =
        flags.outbound === "all" ||
        (isIP(name) === 0
          ? flags.outbound === "cluster" && namesCluster(name)
          : destinations.route(name, port).from === "pod");
      return fromPod ? await dialFromPod(open, name, port) : await dialFromHere(name, port);
    };
  }

  async #forward({ local, host, port }: Forward, dial: Dial): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on("error", () => socket.destroy());
      dial(host, port).then(
        (remote) => {
          remote.on("error", () => socket.resetAndDestroy());
          socket.on("close", () => remote.destroy());
          socket.pipe(remote).pipe(socket);
        },
        () => socket.resetAndDestroy(),
      );
    });
    server.listen(local, "127.0.0.1");
    await once(server, "listening").catch((cause: unknown) => {
      throw new SwapError("conflict", `--forward: port ${local} of this machine is taken`, {
        hint: `choose another: --forward OTHER:${host}:${port}`,
        cause,
      });
    });
    this.#resources.defer(() => void server.close());
    this.#options.progress.say(`127.0.0.1:${local} leads to ${host}:${port}`, { kind: "forward", local, host, port });
  }
}

/** "example.com" rather than "service.namespace": its last part is a top-level domain of two letters or a known one. */
function publicName(name: string): boolean {
  return /\.([a-z]{2}|com|org|net|dev|app|cloud|info|edu|gov|int|mil)$/i.test(name);
}

async function dialFromHere(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  return socket;
}
