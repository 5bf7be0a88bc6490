import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseEnvFile } from "../../src/plan/env-file.ts";
import {
  allReady,
  identityDeployment,
  inCluster,
  runSwap,
  serviceOf,
  startEcho,
  useNamespace,
  watchPods,
  type Namespace,
} from "../support/cluster.ts";
import { nothingLeftInCluster } from "../support/nothing-left.ts";
import { useSandbox } from "../support/sandbox.ts";
import { surroundings } from "../support/surroundings.ts";

const execute = promisify(execFile);
let ns: Namespace;
/** What `kubectl exec … env` of an original says. */
let reference: Record<string, string>;

const nasty = {
  MULTI_LINE: "first\n  second 'single' \"double\"\n\nlast",
  QUOTES: `it's "$HOME" \`id\` \\n \\\\ $(id)`,
  JSON_VALUE: '{"a":"b c","d":[1,"$X"]}',
  BLANKS: "  leading and trailing  ",
  EMPTY: "",
  HASH: "a # b",
  UNICODE: "snow ☃, naïve, 😀",
  CARRIAGE: "a\r\nb",
};

beforeAll(async () => {
  ns = await useNamespace("env");
  const secret = Buffer.from("p@ss'w\"ord\n").toString("base64");
  const fieldOf = (fieldPath: string): object => ({ fieldRef: { fieldPath } });
  const env = [
    { name: "BASE", value: "/srv" },
    { name: "EXPANDED", value: "$(BASE)/data and $$(BASE) and $(UNKNOWN)" },
    { name: "POD_NAMESPACE", valueFrom: fieldOf("metadata.namespace") },
    { name: "NODE_NAME", valueFrom: fieldOf("spec.nodeName") },
    { name: "APP", valueFrom: fieldOf("metadata.labels['app']") },
    { name: "REVISION", valueFrom: fieldOf("metadata.labels['pod-template-hash']") },
    { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } },
    { name: "KEY", valueFrom: { secretKeyRef: { name: "secrets", key: "password" } } },
    { name: "PATH", value: "/app/bin:/usr/bin:/bin" },
    { name: "NODE_OPTIONS", value: "--no-such-option" },
    { name: "LD_PRELOAD", value: "/no/such/library.so" },
  ];
  const envFrom = [{ configMapRef: { name: "nasty" } }, { secretRef: { name: "secrets" }, prefix: "SECRET_" }];
  await ns.apply(
    serviceOf(),
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "nasty" }, data: nasty },
    { apiVersion: "v1", kind: "Secret", metadata: { name: "secrets" }, data: { password: secret } },
  );
  const resources = { limits: { memory: "96Mi" } };
  await ns.apply(identityDeployment({ container: { env, envFrom, resources } }));
  await allReady(ns);
  // LD_PRELOAD makes the loader complain on stderr; the environment is on stdout.
  const block = await ns.kubectl("exec", "deploy/api", "--", "/usr/bin/env", "-0");
  const entries = block.split("\0").filter((entry) => entry !== "");
  reference = Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
});

afterAll(() => ns[Symbol.asyncDispose]());

/** Its own name is the one thing that a pod of our own cannot have in common with the original. */
function withoutName({ HOSTNAME: name, ...rest }: Record<string, string>): Record<string, string> {
  expect(name).toMatch(/^api-/);
  return rest;
}

async function environment(...flags: string[]): Promise<string> {
  const { status, stdout, stderr } = await runSwap(["env", "deploy/api", "-n", ns.name, ...flags]);
  expect(status, stderr).toBe(0);
  return stdout;
}

test("`swap env -o json` is what kubectl exec says, and the pod that read it is gone and was in no Service", async () => {
  expect(reference).toMatchObject({ ...nasty, EXPANDED: "/srv/data and $(BASE) and $(UNKNOWN)", MEMORY: "100663296" });
  await using pods = watchPods(ns);
  const told = JSON.parse(await environment("-o", "json")) as Record<string, string>;
  expect(withoutName(told)).toEqual(withoutName(reference));
  await nothingLeftInCluster(ns);
  const readers = pods.events.filter(({ pod }) => pod.metadata?.labels?.["swap.dev/session"] !== undefined);
  expect(readers.length).toBeGreaterThan(0);
  expect(readers.every(({ pod }) => pod.metadata?.labels?.["app"] === undefined)).toBe(true);
});

test("a shell that evaluates `-o shell` gets the same values, line breaks and quotes included", async () => {
  await using sandbox = await useSandbox();
  const script = await sandbox.write("env.sh", await environment("-o", "shell"));
  // Only builtins from here on: the script sets PATH and LD_PRELOAD.
  const node = `${surroundings().tester.folder}/bin/node`;
  const print = "process.stdout.write(JSON.stringify(process.env))";
  const line = `. "$0"; unset LD_PRELOAD NODE_OPTIONS; "$1" -e '${print}'`;
  const { stdout } = await execute("/bin/sh", ["-c", line, script, node], { env: {} });
  const { PWD: _pwd, OLDPWD: _old, SHLVL: _level, _: _last, ...got } = JSON.parse(stdout) as Record<string, string>;
  const { LD_PRELOAD: _preload, NODE_OPTIONS: _options, ...wanted } = withoutName(reference);
  expect(withoutName(got)).toEqual(wanted);
});

test("`-o dotenv` reads back as the same values, and in Node's own reader wherever its dialect has a form for them", async () => {
  await using sandbox = await useSandbox();
  const text = await environment();
  expect(withoutName(Object.fromEntries(parseEnvFile(text)))).toEqual(withoutName(reference));
  const file = await sandbox.write("dotenv", text);
  const load = "process.loadEnvFile(process.argv[1]);process.stdout.write(JSON.stringify(process.env))";
  const { stdout } = await execute(process.execPath, ["-e", load, file], { env: {} });
  // Node knows no escapes: no carriage return, and no value with all three kinds of quotes.
  const { CARRIAGE: _carriage, QUOTES: _quotes, ...got } = JSON.parse(stdout) as Record<string, string>;
  const { CARRIAGE: _wantedCarriage, QUOTES: _wantedQuotes, ...wanted } = withoutName(reference);
  expect(withoutName(got)).toEqual(wanted);
});

test("the local process has the container's environment over its own, less what a laptop needs for itself", async () => {
  await using sandbox = await useSandbox();
  const file = await sandbox.write("extra.env", "FROM_FILE='of the file'\nBASE=/file\nBLANKS=file\n");
  await using client = await inCluster(ns);
  const more = ["--env-file", file, "--env", "BLANKS=flag"];
  // The echo app is a Node program, and the container's NODE_OPTIONS would stop it.
  const flags = ["-n", ns.name, ...more, "--env", "NODE_OPTIONS=", "--env", "LD_PRELOAD="];
  await using swap = await startEcho("deploy/api", flags, { env: { ONLY_HERE: "yes", BASE: "/laptop" } });
  await swap.swapped();
  const { env } = (await client.identity("http://api/env")) as unknown as { env: Record<string, string> };
  const { HOSTNAME, PATH, HOME, NODE_OPTIONS: _options, LD_PRELOAD: _preload, ...rest } = reference;
  expect(env).toMatchObject({ ...rest, BASE: "/file", BLANKS: "flag", FROM_FILE: "of the file", ONLY_HERE: "yes" });
  expect(env["PATH"]).not.toBe(PATH);
  expect(env["HOME"]).not.toBe(HOME);
  expect(env["HOSTNAME"]).not.toBe(HOSTNAME);
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 0 });
});
