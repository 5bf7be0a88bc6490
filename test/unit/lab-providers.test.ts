import { describe, expect, test } from "vitest";
import { chooseProvider } from "../../cli/lab/choose.ts";
import { k3d, kind } from "../../cli/lab/engine-tool.ts";
import { buildCommand, goModules, kubernetesVersion, moduleVersion } from "../../cli/lab/go-module.ts";
import { searchPath } from "../../cli/lab/host.ts";
import { parseComponents } from "../../cli/lab/status.ts";
import { statusTable } from "../../cli/lab/status-table.ts";

describe("the provider", () => {
  const bare = { linux: true, root: false, engine: false, kind: false, k3d: false };

  test.for([
    [{ ...bare, root: true, engine: true, kind: true }, "native"],
    [{ ...bare, engine: true, kind: true, k3d: true }, "kind"],
    [{ ...bare, engine: true, k3d: true }, "k3d"],
    [{ ...bare, kind: true }, "native"],
    [{ ...bare, linux: false, root: true, engine: true, kind: true }, "kind"],
  ] as const)("in %o is %s", ([surroundings, provider]) => {
    expect(chooseProvider(surroundings).provider).toBe(provider);
  });
});

describe("kind", () => {
  test("is asked for the nodes and the port by its configuration", () => {
    const { argv, config } = kind.up("a", { nodes: 2, apiPort: 7 });
    expect(argv).toEqual(["kind", "create", "cluster", "--name=a", "--wait=120s", "--config=-"]);
    expect(JSON.parse(config ?? "")).toMatchObject({
      nodes: [{ role: "control-plane" }, { role: "worker" }],
      networking: { apiServerPort: 7 },
    });
    expect(kind.load("a", "/x.tar")).toEqual(["kind", "load", "image-archive", "/x.tar", "--name=a"]);
    expect(kind.parseList("a\nb\n")).toEqual(["a", "b"]);
  });
});

describe("k3d", () => {
  test("leaves the user's kubeconfig alone", () => {
    const { argv } = k3d.up("a", { nodes: 1 });
    expect(argv).toContain("--kubeconfig-update-default=false");
    expect(argv).toContain("--agents=0");
    expect(k3d.parseList("a  1/1  0/0  true\nb 1/1\n")).toEqual(["a", "b"]);
  });
});

describe("a Go module", () => {
  const goMod = "module x\n\nrequire k8s.io/kubernetes v1.35.4\nrequire (\n\tgithub.com/a/b v2.0.1 // indirect\n)\n";

  test("tells its versions", () => {
    expect(kubernetesVersion(goMod)).toBe("v1.35.4");
    expect(moduleVersion(goMod, "github.com/a/b")).toBe("v2.0.1");
    expect(() => moduleVersion(goMod, "github.com/a")).toThrow("does not require");
  });

  test("is built with the version that it calls itself", () => {
    const [cube] = goModules;
    if (cube === undefined) throw new Error("no cube");
    const command = buildCommand("go", cube, goMod, "/out");
    expect(command.join(" ")).toContain("-X k8s.io/component-base/version.gitVersion=v1.35.4");
    expect(command).toContain("/out/cube");
  });
});

describe("the search path", () => {
  test("has an administrator's folders once, after the user's", () => {
    expect(searchPath("/a:/usr/bin:/a").split(":").slice(0, 3)).toEqual(["/a", "/usr/bin", "/usr/local/sbin"]);
    expect(searchPath(undefined)).toContain("/sbin");
  });
});

describe("status", () => {
  const written = JSON.stringify({
    components: [
      { name: "etcd", pid: 5, since: "2026-01-01T00:00:00Z", restarts: 0 },
      { name: "kubelet", pid: 0, since: "2026-01-01T00:00:00Z", restarts: 3, lastExit: "killed by killed" },
      { name: "kube-proxy", pid: 0, since: "", restarts: 0 },
      { pid: 7 },
    ],
  });

  test("tells running, ended and waiting components apart", () => {
    const components = parseComponents("a-1", written);
    expect(components.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "etcd running",
      "kubelet ended",
      "kube-proxy waiting",
    ]);
    expect(parseComponents("a-1", "")).toEqual([]);
  });

  test("shows people what is not well", () => {
    const status = {
      name: "a",
      provider: "native",
      version: "v1",
      api: "https://x",
      kubeconfig: "/k",
      created: "2026-01-01T00:00:00Z",
      healthy: false,
      nodes: [{ name: "a-1", address: "10.0.0.1" }],
      components: parseComponents("a-1", written),
    } as const;
    const table = statusTable(status, Date.parse("2026-01-01T00:01:00Z"));
    expect(table).toMatch(/health +not well/);
    expect(table).toMatch(/a-1 10\.0\.0\.1 not running/);
    expect(table).toMatch(/kubelet +ended +60s +3 +killed by killed/);
  });
});
