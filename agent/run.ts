import { version } from "../src/version.ts";
import { parseConfig } from "./config.ts";
import { log, sayLastWords } from "./last-words.ts";
import { Readiness } from "./readiness.ts";
import { Session } from "./session.ts";
import { TunnelServer } from "./tunnel-server.ts";

/**
 * The kubelet ends a container by the image's STOPSIGNAL: nginx has SIGQUIT, httpd SIGWINCH, others SIGUSR1, SIGHUP …
 * As PID 1 we have no default action for any of them; each means that the pod goes. What a terminal would mean by
 * SIGHUP or SIGWINCH does not apply: an agent has none.
 */
const stopSignals = [
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGPWR",
] as const satisfies readonly NodeJS.Signals[];

/**
 * Serves the session until there is a reason to leave, which is said as last words. Resolves with the exit status: 0
 * for every reason that is no fault, 1 when the agent could not start.
 */
export async function run(argv: readonly string[]): Promise<number> {
  let reason: string;
  try {
    reason = await serve(argv);
  } catch (error) {
    sayLastWords(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
  sayLastWords(reason);
  return 0;
}

async function serve(argv: readonly string[]): Promise<string> {
  const config = parseConfig(argv);
  await using readiness = await Readiness.listen(config.healthPort);
  await using session = new Session({ session: config.session, graceMs: config.graceMs, readiness });
  for (const signal of stopSignals) process.on(signal, () => session.terminate(signal));
  const handshake = { session: config.session, publicKey: config.publicKey, status: () => session.status() };
  await using _door = await TunnelServer.listen(config.tunnelPort, handshake, (client) => session.welcome(client));
  log(`${version}: waiting for its client on 127.0.0.1:${config.tunnelPort}`);
  return await session.ended;
}
