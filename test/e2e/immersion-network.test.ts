import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import {
  allReady,
  identityDeployment,
  inCluster,
  serviceOf,
  until,
  useNamespace,
  type Namespace,
} from "../support/cluster.ts";
import { shell, startInside } from "../support/inside.ts";

const execute = promisify(execFile);

async function agentOf(ns: Namespace): Promise<{ name: string; ip: string }> {
  const list = JSON.parse(await ns.kubectl("get", "pods", "-l", "swap.dev/state=agent", "-o", "json")) as {
    items: { metadata: { name: string }; status: { podIP: string } }[];
  };
  const [pod] = list.items;
  if (!pod) throw new Error("there is no agent pod");
  return { name: pod.metadata.name, ip: pod.status.podIP };
}

/** What a change to this machine's own network would show in. */
async function laptopsNetwork(): Promise<string> {
  const commands = ["ip -4 route show table main", "ip rule", "nft list ruleset", "cat /etc/resolv.conf /etc/hosts"];
  const outputs = await Promise.all(commands.map((command) => execute("sh", ["-c", command])));
  // The lab's own pods come and go meanwhile.
  return outputs
    .map(({ stdout }) => stdout)
    .join("\n")
    .replace(/^.*(veth|cni|cbr|KUBE).*$/gm, "");
}

test("the local process lives in the pod's network: names, addresses, hostname, both ways", async () => {
  await using ns = await useNamespace("immersion-network");
  const hostAliases = [{ ip: "10.1.2.3", hostnames: ["old.example"] }];
  await ns.apply(identityDeployment({ pod: { hostAliases } }), serviceOf());
  await ns.apply(identityDeployment({ name: "web" }), serviceOf("web"));
  await using client = await inCluster(ns);
  await allReady(ns);
  await allReady(ns, "deployment/web");
  const before = await laptopsNetwork();

  await using swap = await startInside(ns);
  await swap.swapped();
  const agent = await agentOf(ns);
  expect(await shell(client, "hostname")).toBe(agent.name);
  expect(await shell(client, "id -un")).toBe("swap-tester");
  expect(await shell(client, "getent hosts old.example")).toMatch(/^10\.1\.2\.3\s/);
  for (const name of ["web", `web.${ns.name}`, `web.${ns.name}.svc.cluster.local`]) {
    const { body } = await client.request(`http://api/fetch?${encodeURIComponent(`http://${name}/hello`)}`);
    expect(JSON.parse(body)).toMatchObject({ from: "original", path: "/hello" });
  }
  expect(await shell(client, "curl -sk https://kubernetes.default/version")).toMatch(/"gitVersion"/);
  const python = "import urllib.request as u; print(u.urlopen('http://web/py').read().decode())";
  expect(await shell(client, `/usr/bin/python3 -c "${python}"`)).toMatch(/"original"/);
  expect(await shell(client, "getent hosts nobody.svc.cluster.local || echo unknown")).toBe("unknown");

  expect(await laptopsNetwork()).toBe(before);
  swap.kill("SIGINT");
  expect(await swap.ended()).toMatchObject({ status: 143 });
  expect(await laptopsNetwork()).toBe(before);
});

test("what the local process listens on is open in the pod at once; on its loopback it stays private", async () => {
  await using ns = await useNamespace("immersion-listen");
  await ns.apply(identityDeployment(), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns);
  await using swap = await startInside(ns);
  await swap.swapped();
  const { ip } = await agentOf(ns);

  await client.request("http://api/listen?81");
  const asked = performance.now();
  await until(
    "port 81 of the pod",
    async () => (await client.request(`http://${ip}:81/`)).body === "inside" || undefined,
    {
      everyMs: 20,
    },
  );
  process.stderr.write(`port 81 was open after ${Math.round(performance.now() - asked)} ms\n`);
  await client.request("http://api/listen?9999&127.0.0.1");
  await swap.says(/port 9999 is open for the pod's own containers/);
  await expect(client.request(`http://${ip}:9999/`)).rejects.toThrow(/ECONNREFUSED/);
});

test("two local processes with the same port live side by side", async () => {
  await using ns = await useNamespace("immersion-two");
  await ns.apply(identityDeployment(), serviceOf(), identityDeployment({ name: "web" }), serviceOf("web"));
  await using client = await inCluster(ns);
  await allReady(ns);
  await allReady(ns, "deployment/web");
  await using one = await startInside(ns);
  await using other = await startInside(ns, { target: "deploy/web" });
  await Promise.all([one.swapped(), other.swapped()]);
  const names = await Promise.all(["api", "web"].map((host) => shell(client, "hostname", host)));
  expect(names[0]).toMatch(/^api-swap-/);
  expect(names[1]).toMatch(/^web-swap-/);
});

/** Processes of the machine with this text in their environment. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
      return environment.includes(text) ? [pid] : [];
    }),
  );
  return found.flat();
}

test("nothing of the inside outlives a kill -9 of the command", async () => {
  await using ns = await useNamespace("immersion-kill");
  await ns.apply(identityDeployment(), serviceOf());
  await using client = await inCluster(ns);
  await allReady(ns);
  const mark = `SWAP_TEST_MARK=${ns.name}`;
  await using swap = await startInside(ns, { flags: ["--env", mark, "--grace", "3s"] });
  await swap.swapped();
  await shell(client, "setsid sleep 1000 >/dev/null 2>&1 & trap '' TERM; echo started");
  expect((await processesWith(mark)).length).toBeGreaterThanOrEqual(2);
  swap.kill("SIGKILL");
  await until("the end of all inside", async () => ((await processesWith(mark)).length === 0 ? true : undefined), {
    timeoutMs: 5_000,
  });
});
