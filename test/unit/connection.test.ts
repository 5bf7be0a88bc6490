import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDuration } from "../../cli/commands/connection-flags.ts";
import { missingRight, toRefusal } from "../../cli/kube/api-error.ts";
import { KubeClient } from "../../cli/kube/client.ts";
import { loadConnection } from "../../cli/kube/connection.ts";
import { SwapError } from "../../src/error.ts";

let folder: string;
let first: string;
let second: string;

const kubeconfig = (name: string, current: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: `https://${name}.test:6443` } }],
    users: [{ name, user: { token: `token-${name}` } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `space-${name}` } }],
    "current-context": current,
  });

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "swap-connection-"));
  [first, second] = [join(folder, "first"), join(folder, "second")];
  writeFileSync(first, kubeconfig("one", "one"));
  writeFileSync(second, kubeconfig("two", "two"));
});

afterAll(() => rmSync(folder, { recursive: true }));

const errorOf = (act: () => unknown): SwapError => {
  try {
    act();
  } catch (error) {
    if (error instanceof SwapError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

describe("the cluster is chosen as kubectl chooses it", () => {
  test("the files of KUBECONFIG are one, and the first one's current context counts", () => {
    const env = { KUBECONFIG: [first, join(folder, "missing"), second].join(delimiter) };
    expect(loadConnection({}, env)).toMatchObject({ contextName: "one", namespace: "space-one" });
    expect(loadConnection({ context: "two" }, env).server.host).toBe("two.test:6443");
  });

  test("--kubeconfig stands in the place of KUBECONFIG, -n in that of the context's namespace", () => {
    const connection = loadConnection({ kubeconfig: second, namespace: "mine" }, { KUBECONFIG: first });
    expect(connection).toMatchObject({ contextName: "two", namespace: "mine" });
  });

  test("--cluster and --user replace parts of the context, which keeps its namespace", () => {
    const env = { KUBECONFIG: [first, second].join(delimiter) };
    const connection = loadConnection({ cluster: "two" }, env);
    expect(connection).toMatchObject({ namespace: "space-one" });
    expect(connection.server.host).toBe("two.test:6443");
    expect(connection.kubeconfig.getCurrentUser()?.name).toBe("one");
  });

  test("--as and --as-group become headers; a group alone is refused", () => {
    const { impersonation } = loadConnection({ as: "jane", asGroup: ["dev", "ops"] }, { KUBECONFIG: first });
    expect(impersonation).toEqual({ "Impersonate-User": "jane", "Impersonate-Group": ["dev", "ops"] });
    expect(errorOf(() => loadConnection({ asGroup: ["dev"] }, { KUBECONFIG: first })).code).toBe("usage");
  });

  test.each([
    ["an unknown context", { context: "nope" }, /context "nope" does not exist/],
    ["an unknown cluster", { cluster: "nope" }, /cluster "nope" does not exist/],
    ["an unknown user", { user: "nope" }, /user "nope" does not exist/],
    ["a missing file", { kubeconfig: "/no/such/file" }, /"\/no\/such\/file" does not exist/],
  ])("%s is named, with what to do", (_what, flags, sentence) => {
    const error = errorOf(() => loadConnection(flags, { KUBECONFIG: first }));
    expect(error).toMatchObject({ code: "not-found", message: expect.stringMatching(sentence) as string });
    expect(error.hint).toBeTruthy();
  });

  test("without any kubeconfig it says how to come by one", () => {
    const error = errorOf(() => loadConnection({}, { HOME: folder }));
    expect(error).toMatchObject({ code: "not-found", hint: expect.stringContaining("swap lab up") as string });
  });
});

test("an exec credential plugin is asked for the token, and impersonation goes with it", async () => {
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token: "fresh" },
  };
  const exec = {
    apiVersion: credential.apiVersion,
    command: "echo",
    args: [JSON.stringify(credential)],
    interactiveMode: "Never",
  };
  const path = join(folder, "exec");
  const plain = JSON.parse(kubeconfig("one", "one")) as object;
  writeFileSync(path, JSON.stringify({ ...plain, users: [{ name: "one", user: { exec } }] }));
  const client = new KubeClient(loadConnection({ kubeconfig: path, as: "jane" }, {}));
  const { headers } = await client.requestOptions();
  expect(headers).toMatchObject({ Authorization: "Bearer fresh", "Impersonate-User": "jane" });
});

describe("refusals of the API server", () => {
  const forbidden =
    'pods is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace "shop"';

  test("a missing right is named by verb and resource", () => {
    expect(missingRight(forbidden)).toBe("create pods/portforward");
    expect(toRefusal(403, { message: forbidden })).toMatchObject({
      code: "forbidden",
      message: forbidden,
      hint: expect.stringContaining("create pods/portforward") as string,
    });
  });

  test("a 403 of admission is no missing right", () => {
    const quota = 'pods "api" is forbidden: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3';
    expect(toRefusal(403, { message: quota })).toMatchObject({
      code: "refused",
      message: expect.stringContaining(quota) as string,
    });
  });
});

describe("durations", () => {
  test.each([
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["2h", 7_200_000],
    ["5", 5000],
    ["0.5s", 500],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration("--grace", text)).toBe(ms);
  });

  test.each(["", "soon", "1x", "-1s", "1s2"])("%j is refused", (text) => {
    expect(errorOf(() => parseDuration("--grace", text)).message).toContain("--grace");
  });
});
