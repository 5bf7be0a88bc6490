import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { surroundings } from "./surroundings.ts";

export interface KubectlOptions {
  /** Written to its stdin. */
  readonly input?: string;
  /** The administrator's, if left out. */
  readonly kubeconfig?: string;
  /** Milliseconds until it is killed; 60 s if left out. */
  readonly timeoutMs?: number;
}

/** A kubectl that failed, with all it said. */
export class KubectlError extends Error {
  readonly stderr: string;

  constructor(args: readonly string[], status: number | null, stderr: string) {
    super(`kubectl ${args.join(" ").slice(0, 300)} ended with ${status}: ${stderr.trim()}`);
    this.stderr = stderr;
  }
}

/** Runs the lab's kubectl. @returns what it wrote to stdout. @throws KubectlError */
export async function kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
  const { kubectl: program, kubeconfig } = surroundings();
  const signal = AbortSignal.timeout(options.timeoutMs ?? 60_000);
  const child = spawn(program, [`--kubeconfig=${options.kubeconfig ?? kubeconfig}`, ...args], { signal });
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  if (status !== 0) throw new KubectlError(args, status, stderr);
  return stdout;
}

/** `kubectl … -o json`, parsed. */
export async function kubectlJson<T>(args: readonly string[], options?: KubectlOptions): Promise<T> {
  return JSON.parse(await kubectl([...args, "-o", "json"], options)) as T;
}

/** Applies objects. @param more flags such as `--server-side` */
export async function apply(objects: readonly object[], more: readonly string[] = []): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectl(["apply", "-f", "-", ...more], { input: JSON.stringify(list) });
}
