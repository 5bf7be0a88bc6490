import { setTimeout as delay } from "node:timers/promises";
import type { Environment } from "../../src/plan/environ.ts";
import type { Ground } from "./ground.ts";
import { holdForIde } from "./hold.ts";
import { LocalProcessEnded } from "./local-process-ended.ts";
import type { LocalProcess } from "./local-process.ts";
import type { SwapOptions } from "./options.ts";
import { processEnvironment } from "./process-environment.ts";
import type { SwapPlan } from "./plan-swap.ts";
import type { SwapWorld } from "./swap-world.ts";

/** How often to look whether the local process listens. */
const lookMs = 20;
/** A local process that was told to end has this long before it is killed. */
const stopMs = 10_000;

/** The developer's program, or the wait of an IDE user, on this side of the tunnel. */
export class LocalSide implements AsyncDisposable {
  readonly #world: SwapWorld;
  readonly #plan: SwapPlan;
  readonly #options: SwapOptions;
  readonly #environment: Environment;
  readonly #ground: Ground;
  readonly #onOver: () => void;
  readonly #failed = new AbortController();
  readonly #resources = new AsyncDisposableStack();
  #process: LocalProcess | undefined;

  constructor(
    world: SwapWorld,
    plan: SwapPlan,
    options: SwapOptions,
    environment: Environment,
    ground: Ground,
    onOver: () => void,
  ) {
    this.#world = world;
    this.#plan = plan;
    this.#options = options;
    this.#environment = environment;
    this.#ground = ground;
    this.#onOver = onOver;
  }

  /** Aborted when the local process ends before the traffic has moved. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get endHint(): string {
    return this.#process ? "Ctrl-C, `swap restore`, or the end of the command" : "Ctrl-C or `swap restore`";
  }

  /** Starts the command and waits until it listens, at most as long as a connection would. */
  async start(signal: AbortSignal): Promise<void> {
    const { io, progress } = this.#world;
    const program = this.#plan.program;
    if (program === undefined) {
      await holdForIde(this.#environment, this.#plan, io, progress, this.#resources);
      return;
    }
    const [, ...args] = this.#options.command;
    const env = processEnvironment(this.#environment);
    this.#process = await this.#ground.start({ program, args, env, cwd: io.cwd }, signal);
    void this.#process.exited.then(() => this.#failed.abort());
    await this.#untilListening(signal);
  }

  /** Resolves when the session should end: the command has ended, Ctrl-C, or a restore from elsewhere. */
  async untilOver(restoredElsewhere: Promise<void>): Promise<void> {
    const { io, progress } = this.#world;
    const elsewhere = restoredElsewhere.then(() =>
      progress.say("the workload is being restored from elsewhere", { kind: "restored-elsewhere" }),
    );
    const interrupt = Promise.withResolvers<void>();
    // From a terminal, Ctrl-C reaches the command too: it decides. A signal for us alone ends the session.
    const off = io.interrupts.on((signal) => {
      if (!(this.#process?.running && io.stdin.isTTY && signal === "SIGINT")) interrupt.resolve();
    });
    if (io.interrupts.signal.aborted && !this.#process) interrupt.resolve();
    const ends: Promise<unknown>[] = [elsewhere, interrupt.promise];
    if (this.#process)
      ends.push(this.#options.keep ? this.#process.exited.then(() => this.#keepOn()) : this.#process.exited);
    await Promise.race(ends);
    off();
  }

  /** Ends the command if it still runs. @returns its exit status, 0 if there was none. */
  async stop(): Promise<number> {
    this.#onOver();
    if (!this.#process) return 0;
    if (this.#process.running) this.#process.kill("SIGTERM");
    const patience = new AbortController();
    const late = delay(stopMs, undefined, { signal: patience.signal }).then(
      () => this.#process?.kill("SIGKILL"),
      () => undefined,
    );
    const status = await this.#process.exited;
    patience.abort();
    await late;
    return status;
  }

  /** The error to report when the start failed because the command ended. */
  async explain(error: unknown): Promise<unknown> {
    if (!this.#failed.signal.aborted || this.#world.io.interrupts.signal.aborted) return error;
    return new LocalProcessEnded((await this.#process?.exited) ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#resources.disposeAsync();
  }

  /** With --keep the session outlives its command. */
  async #keepOn(): Promise<void> {
    this.#world.progress.say("the command has ended; the session is kept until Ctrl-C or `swap restore`", {
      kind: "kept",
    });
    await new Promise<never>(() => undefined);
  }

  async #untilListening(signal: AbortSignal): Promise<void> {
    const locals = this.#plan.prepared.ports.map(({ local }) => local);
    const { holdMs } = this.#options;
    if (locals.length === 0) return;
    await this.#world.progress.step(`local process ${this.#process?.pid}`, async (note) => {
      const deadline = performance.now() + holdMs;
      while (performance.now() < deadline) {
        const port = await this.#ground.listensOn(locals);
        if (port !== undefined) return note(`listens on port ${port}`);
        await delay(lookMs, undefined, { signal }).catch(() => undefined);
        signal.throwIfAborted();
      }
      note(`does not listen on ${locals.join(" or ")} yet; connections wait for it`);
    });
  }
}
