import type { Socket as UdpSocket } from "node:dgram";
import type { RelaySocket } from "../../src/relay-socket.ts";
import type { Hold } from "../immersion/outer/inside-dialer.ts";
import { dialLocal, isListening } from "./local-port.ts";
import { startLocalProcess, type LocalProcess } from "./local-process.ts";

export interface Command {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Where the local process lives: on the laptop as it is, or in the pod's world. */
export interface Ground extends AsyncDisposable {
  /** @throws SwapError command-not-runnable */
  start(command: Command, signal: AbortSignal): Promise<LocalProcess>;
  /** Connects to a port of the local process. @returns undefined when nothing listens there in time. */
  dial(port: number, hold: Hold): Promise<RelaySocket | undefined>;
  /** A UDP socket that is connected to a port of the local process; undefined when there can be none. */
  dialUdp?(port: number): Promise<UdpSocket | undefined>;
  /** The first of these ports on which the local process listens. */
  listensOn(ports: readonly number[]): Promise<number | undefined>;
  /** How the address of the local process is called, before ":PORT". */
  readonly place: string;
  /** Whoever listens there is the local process: each port of the pod may lead to the same port there. */
  readonly isOwn: boolean;
}

/** The laptop's own network and files. */
export const laptopGround: Ground = {
  place: "127.0.0.1",
  isOwn: false,
  start: ({ program, args, env, cwd }) => startLocalProcess(program, args, { env, cwd, stdio: "inherit" }),
  dial: dialLocal,
  async listensOn(ports) {
    for (const port of ports) {
      if (await isListening(port)) return port;
    }
    return undefined;
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
};
