import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import { apply, kubectl } from "./kubectl.ts";

/** A namespace of one test. */
export interface Namespace extends AsyncDisposable {
  readonly name: string;
  /** kubectl with `-n` of this namespace. */
  kubectl(...args: string[]): Promise<string>;
  /** Applies objects to this namespace. */
  apply(...objects: object[]): Promise<void>;
}

/**
 * A namespace of its own for a test: `await using ns = await useNamespace("first-swap")`. It is deleted at the end,
 * without waiting for it; of a failed test its pods and events are shown first, and with SWAP_KEEP it stays.
 */
export async function useNamespace(promise: string): Promise<Namespace> {
  const name = `${promise.slice(0, 40)}-${randomBytes(3).toString("hex")}`;
  await kubectl(["create", "namespace", name]);
  // A pod is refused as long as its namespace has no service account.
  await kubectl(["wait", "-n", name, "--for=create", "serviceaccount/default", "--timeout=30s"]);
  let over = (): Promise<unknown> => kubectl(["delete", "namespace", name, "--wait=false"]);
  try {
    // Whether the test has failed is known only after all its guards are disposed.
    onTestFinished(async ({ task }) => {
      const failed = task.result?.state === "fail";
      if (failed) process.stderr.write(await describe(name));
      if (failed && process.env["SWAP_KEEP"]) return;
      await kubectl(["delete", "namespace", name, "--wait=false"]);
    });
    over = () => Promise.resolve();
  } catch (error) {
    // Outside of a test, in beforeAll, the guard itself deletes.
    if (!(error instanceof Error && /hook|test/i.test(error.message))) throw error;
  }
  return {
    name,
    kubectl: (...args) => kubectl(["-n", name, ...args]),
    apply: (...objects) => apply(objects.map((object) => inNamespace(object, name))),
    [Symbol.asyncDispose]: async () => void (await over()),
  };
}

function inNamespace(object: object, namespace: string): object {
  const { metadata, ...rest } = object as { metadata?: object };
  return { ...rest, metadata: { ...metadata, namespace } };
}

async function describe(name: string): Promise<string> {
  const look = ["get", "deployments,replicasets,pods,endpointslices", "-o", "wide"];
  const events = ["get", "events", "--sort-by=.metadata.creationTimestamp"];
  const texts = await Promise.allSettled([look, events].map((args) => kubectl(["-n", name, ...args])));
  return `\n--- namespace ${name} of the failed test\n${texts.map((text) => (text.status === "fulfilled" ? text.value : String(text.reason))).join("\n")}---\n`;
}
