import { Agent, request } from "node:https";
import { SwapError } from "../../src/error.ts";

/** Answers of a lab's API server are small; more than this is not one. */
const longestAnswer = 4 * 1024 * 1024;

/** Who asks, and which server. PEM texts. */
export interface ApiAccess {
  readonly port: number;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** A connection to a lab's API server, kept open between requests: `up` asks often. */
export interface Api extends Disposable {
  /** @throws Error when there is no connection or no answer within `timeoutMs` */
  ask(method: string, path: string, body?: { type: string; content: string }, timeoutMs?: number): Promise<ApiAnswer>;
}

/** Opens nothing yet: each request connects when there is no idle connection. */
export function openApi({ port, ca, certificate, key }: ApiAccess): Api {
  const agent = new Agent({ keepAlive: true, ca, cert: certificate, key });
  return {
    ask: (method, path, body, timeoutMs = 5_000) =>
      new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { "content-type": body.type };
        const options = {
          agent,
          host: "127.0.0.1",
          port,
          method,
          path,
          headers,
          signal: AbortSignal.timeout(timeoutMs),
        };
        const outgoing = request(options, (incoming) => {
          const chunks: Buffer[] = [];
          let size = 0;
          incoming.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > longestAnswer) incoming.destroy(new Error(`The answer to ${path} is too long.`));
            else chunks.push(chunk);
          });
          incoming.once("error", reject);
          incoming.once("end", () =>
            resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
          );
        });
        outgoing.once("error", reject);
        outgoing.end(body?.content);
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

/** Makes the object what it says here, whether it is there or not (server-side apply). */
export async function apply(api: Api, path: string, object: object): Promise<void> {
  const body = { type: "application/apply-patch+yaml", content: JSON.stringify(object) };
  const { status, body: answer } = await api.ask("PATCH", `${path}?fieldManager=swap-lab&force=true`, body, 10_000);
  if (status >= 300) {
    throw new SwapError("lab", `The lab's API server did not take ${path}.`, {
      cause: new Error(`${status} ${answer}`),
    });
  }
}
