import { isIP } from "node:net";
import type { Argv } from "yargs";
import { SwapError } from "../../src/error.ts";
import {
  defaultNetwork,
  filesModes,
  networkModes,
  type FilesMode,
  type Forward,
  type ImmersionFlags,
} from "../immersion/flags.ts";
import { chooseMode } from "../immersion/mode.ts";
import { probeMachine } from "../immersion/probe.ts";
import type { CommandContext } from "./context.ts";
import type { NetworkMode } from "../immersion/flags.ts";
import type { Outbound } from "../immersion/outer/destinations.ts";

export interface ImmersionArgs {
  network?: NetworkMode | undefined;
  files?: FilesMode | undefined;
  outbound: Outbound;
  also?: string[] | undefined;
  laptopPort?: string[] | undefined;
  expose?: string[] | undefined;
  forward?: string[] | undefined;
  local?: string[] | undefined;
  mount?: string[] | undefined;
}

/** The flags that say how the local process lives in the pod's world. */
export function withImmersionFlags<T>(argv: Argv<T>): Argv<T & ImmersionArgs> {
  const group = "The pod's world:";
  const list = (describe: string) => ({ type: "string", array: true, requiresArg: true, describe, group }) as const;
  return argv
    .option("network", {
      choices: networkModes,
      group,
      describe: "full: as in the pod; proxy: by proxies in the environment; none: the laptop's own",
    })
    .option("files", {
      choices: filesModes,
      group,
      describe: "the container's volumes at their own paths, with all of its files at $SWAP_ROOT, copied, or none",
    })
    .option("outbound", {
      choices: ["cluster", "all", "none"] as const,
      default: "cluster" as const,
      group,
      describe: "connections that leave from the pod; the others leave from here",
    })
    .option("also", list("address, range or domain that belongs to the cluster too (may be repeated)"))
    .option("laptop-port", list("port of localhost that is this machine's own, such as a database's (may be repeated)"))
    .option("expose", list("port of the local process to open on this machine's localhost (may be repeated)"))
    .option(
      "forward",
      list("[LOCAL:]HOST:PORT of the cluster to open on this machine's localhost, with --network=proxy"),
    )
    .option("local", list("path of a volume that stays as it is here (may be repeated)"))
    .option("mount", list("REMOTE:LOCAL path of the container to show here (may be repeated)"));
}

/**
 * Reads the flags and looks what this machine can do.
 * @param program whether there is a command to live there.
 * @throws SwapError usage, or unsupported with the command that mends it.
 */
export async function readImmersionFlags(
  args: ImmersionArgs,
  program: boolean,
  { io, progress }: CommandContext,
): Promise<ImmersionFlags> {
  // An IDE starts its program itself, in its own world.
  const wanted = { network: program ? args.network : "none", files: program ? args.files : undefined } as const;
  const looks = (wanted.network ?? defaultNetwork) === "full";
  const { network, files, notes } = chooseMode(wanted, looks ? await probeMachine(io.env) : []);
  for (const note of notes) progress.say(note, { kind: "mode", network, files });
  return {
    network,
    files,
    outbound: args.outbound,
    also: (args.also ?? []).map(parseAlso),
    laptopPorts: (args.laptopPort ?? []).map((text) => parsePort("--laptop-port", text)),
    expose: (args.expose ?? []).map((text) => parsePort("--expose", text)),
    forwards: (args.forward ?? []).map(parseForward),
    localPaths: (args.local ?? []).map((path) => absolute("--local", path)),
    mounts: new Map((args.mount ?? []).map(parseMount)),
  };
}

function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port > 0 && port < 65_536) return port;
  throw new SwapError("usage", `${flag}: "${text}" is not a port`, { hint: `as in: ${flag} 9229` });
}

function parseAlso(text: string): string {
  const [address = "", bits] = text.split("/");
  const family = isIP(address);
  const isRange =
    family !== 0 && (bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32)));
  if (isRange || (bits === undefined && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text))) return text.toLowerCase();
  throw new SwapError("usage", `--also: "${text}" is no address, range or domain`, {
    hint: "as in: --also 10.20.0.0/16 or --also db.corp.example",
  });
}

function parseForward(text: string): Forward {
  const parts = text.split(":");
  const [port = "", host = "", local = port] = parts.toReversed();
  if (host === "" || parts.length > 3) {
    throw new SwapError("usage", `--forward: "${text}" is not [LOCAL:]HOST:PORT`, {
      hint: "as in: --forward redis:6379",
    });
  }
  return { host, port: parsePort("--forward", port), local: parsePort("--forward", local) };
}

function parseMount(text: string): [string, string] {
  const [remote = "", local = "", ...rest] = text.split(":");
  if (rest.length === 0 && remote.startsWith("/") && local.startsWith("/")) return [remote, local];
  throw new SwapError("usage", `--mount: "${text}" is not REMOTE:LOCAL`, {
    hint: "two absolute paths, as in: --mount /srv/data:/tmp/data",
  });
}

function absolute(flag: string, path: string): string {
  if (path.startsWith("/")) return path.length > 1 ? path.replace(/\/+$/, "") : path;
  throw new SwapError("usage", `${flag}: "${path}" is not an absolute path`);
}
