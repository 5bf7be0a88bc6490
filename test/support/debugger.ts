import { until } from "./until.ts";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/**
 * A debugger's front end, by the inspector's protocol as editors speak it
 * (https://chromedevtools.github.io/devtools-protocol/).
 */
export class DebuggerClient implements Disposable {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #pauses: Record<string, unknown>[] = [];
  #onPause: (() => void) | undefined;
  #last = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(String(data)) as Message));
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = (this.#last += 1);
    const answered = Promise.withResolvers<Record<string, unknown>>();
    this.#answers.set(id, answered);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return await answered.promise;
  }

  /** Resolves when the program stands at a breakpoint: now, or when it gets there. */
  async paused(timeoutMs: number): Promise<Record<string, unknown>> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`no breakpoint was hit within ${timeoutMs} ms`)), timeoutMs);
    this.#onPause = resolve;
    if (this.#pauses.length > 0) resolve();
    await promise.finally(() => clearTimeout(timer));
    return this.#pauses.shift() ?? {};
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #hear({ id, method, params, result, error }: Message): void {
    if (method === "Debugger.paused") {
      this.#pauses.push(params ?? {});
      this.#onPause?.();
    }
    if (id === undefined) return;
    if (error) this.#answers.get(id)?.reject(new Error(error.message));
    else this.#answers.get(id)?.resolve(result ?? {});
    this.#answers.delete(id);
  }
}

/** Connects to `node --inspect=127.0.0.1:PORT`. */
export async function attachDebugger(port: number): Promise<DebuggerClient> {
  const url = await until("the inspector", async () => {
    const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    return target?.webSocketDebuggerUrl;
  });
  const socket = new WebSocket(url);
  await new Promise((opened, failed) => {
    socket.addEventListener("open", opened);
    socket.addEventListener("error", failed);
  });
  return new DebuggerClient(socket);
}
