import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { surroundings } from "./surroundings.ts";
import { until } from "./until.ts";

/** An interactive shell of the ordinary user on a real pseudo-terminal, with what is typed and what is seen. */
export class Terminal implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  #screen = "";

  constructor() {
    const { tester } = surroundings();
    const env = {
      PATH: `${tester.folder}/bin:/usr/bin:/bin`,
      HOME: tester.home,
      USER: tester.name,
      TERM: "dumb",
      KUBECONFIG: tester.kubeconfig,
      PS1: "prompt> ",
      HISTFILE: "",
    };
    const shell = ["-q", "-f", "-c", "bash --norc --noprofile -i", "/dev/null"];
    const { uid, gid, folder } = tester;
    this.#child = spawn("script", shell, { env, uid, gid, cwd: folder });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.#screen += text.replaceAll("\r\n", "\n")));
    }
  }

  /** All that has been seen. */
  get screen(): string {
    return this.#screen;
  }

  /** Types a line. */
  line(text: string): void {
    this.type(`${text}\n`);
  }

  /** Types keys: "\x03" is Ctrl-C, "\x1a" Ctrl-Z. */
  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until the screen matches, from `after` characters on. */
  async sees(pattern: RegExp, { timeoutMs = 30_000, after = 0 } = {}): Promise<RegExpMatchArray> {
    const look = (): RegExpMatchArray | undefined => this.#screen.slice(after).match(pattern) ?? undefined;
    try {
      return await until(`${pattern} on the screen`, look, { timeoutMs, everyMs: 20 });
    } catch (cause) {
      throw new Error(`${(cause as Error).message}:\n${this.#screen}`, { cause });
    }
  }

  /** Hangs up, as closing the window does. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await gone;
  }
}
