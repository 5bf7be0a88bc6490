import { load } from "js-yaml";
import { describe, expect, test } from "vitest";
import { nodeAddresses } from "../../cli/lab/addresses.ts";
import { groupFolders, hierarchies, isUnified } from "../../cli/lab/cgroup.ts";
import { components } from "../../cli/lab/components.ts";
import { kubeconfig } from "../../cli/lab/kubeconfig.ts";
import { corefile, manifests } from "../../cli/lab/manifests.ts";
import { nodeFiles } from "../../cli/lab/node-files.ts";
import { networkCommands, planNode, type HostFacts } from "../../cli/lab/node-plan.ts";
import { checkName, labPaths, nodePaths } from "../../cli/lab/paths.ts";
import { certificateRequests, makePki } from "../../cli/lab/pki.ts";

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate`;
const unified = "35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";

const [first, second] = nodeAddresses("a", 2);
if (first === undefined || second === undefined) throw new Error("two nodes");
const both = [first, second];
const host: HostFacts = {
  hierarchies: hierarchies(hybrid),
  bin: "/cache/bin",
  system: { "/usr": null, "/bin": "usr/bin", "/sbin": null },
  shared: ["/etc/alternatives"],
  stateIsOverlay: false,
};
const paths = { lab: labPaths("a"), node: nodePaths("a", 1) };
const plan = planNode(first, both, host, paths, { apiPort: 1234, cgroups: ["/c"] });
const pki = makePki(certificateRequests(both));
const tools = { runc: "/usr/sbin/runc", cniPlugins: "/usr/lib/cni" };

describe("cgroup hierarchies", () => {
  test("of a hybrid host are remounted by their own options", () => {
    expect(hierarchies(hybrid).map(({ type, options }) => [type, options])).toEqual([
      ["cgroup", "cpu,cpuacct"],
      ["cgroup", "cpuset"],
      ["cgroup", "name=systemd"],
      ["cgroup2", ""],
    ]);
    expect(isUnified(hierarchies(hybrid))).toBe(false);
  });

  test("of a v2 host are one", () => {
    expect(hierarchies(unified)).toEqual([{ mountPoint: "/sys/fs/cgroup", type: "cgroup2", options: "" }]);
    expect(isUnified(hierarchies(unified))).toBe(true);
    expect(groupFolders(hierarchies(unified), "a", "1")).toEqual(["/sys/fs/cgroup/swap-lab/a/1"]);
  });
});

describe("the plan of a node", () => {
  test("shows nothing of the host but programs, read-only, and the lab's own folders", () => {
    const binds = plan.mounts.filter(({ flags }) => flags.includes("bind") && !flags.includes("readonly"));
    const writable = binds.map(({ source }) => source).filter((source) => !source.startsWith(paths.lab.root));
    expect(writable).toEqual(["/dev"]);
    const readable = plan.mounts.filter(({ flags }) => flags.includes("readonly")).map(({ source }) => source);
    expect(readable).toEqual(["/usr", "/sbin", "/cache/bin", "/etc/alternatives"]);
    expect(plan.symlinks).toMatchObject({ "/bin": "usr/bin" });
  });

  test("mounts nothing before the mount that it lies in", () => {
    const targets = plan.mounts.map(({ target }) => target);
    for (const [index, target] of targets.entries()) {
      const later = targets.slice(index + 1).filter((other) => target.startsWith(`${other}/`));
      expect(later, target).toEqual([]);
    }
  });

  test("mounts the only hierarchy of a v2 host at its root", () => {
    const onV2 = planNode(first, both, { ...host, hierarchies: hierarchies(unified) }, paths, {
      apiPort: 1,
      cgroups: [],
    });
    expect(onV2.unified).toBe(true);
    expect(onV2.mounts.filter(({ target }) => target.startsWith("/sys/fs")).map(({ type }) => type)).toEqual([
      "cgroup2",
    ]);
  });

  test("keeps containerd's layers off an overlay", () => {
    const onOverlay = planNode(first, both, { ...host, stateIsOverlay: true }, paths, { apiPort: 1, cgroups: [] });
    expect(onOverlay.mounts.find(({ target }) => target === "/var/lib/containerd")?.type).toBe("tmpfs");
    expect(plan.mounts.find(({ target }) => target === "/var/lib/containerd")).toBeUndefined();
  });

  test("opens the API to the host's loopback, on the first node alone", () => {
    expect(plan).toMatchObject({ listen: "127.0.0.1:1234", target: "127.0.0.1:6443", attach: [] });
    const other = planNode(second, both, host, paths, { apiPort: 1234, cgroups: [], apiPid: 77 });
    expect(other).toMatchObject({ listen: "", target: "" });
    expect(other.attach[0]).toEqual("ip link add node2 netns 77 type veth peer name eth0 netns {pid}".split(" "));
  });

  test("has no route to anywhere outside", () => {
    expect(networkCommands(first, both)).toContain("route add 10.244.1.0/24 via 172.18.0.3");
    for (const node of both) expect(networkCommands(node, both)).toContain("route add unreachable default");
    expect(networkCommands(second, both)).not.toContain("bridge");
  });
});

describe("components", () => {
  test("of the control plane run on the first node, those of a node on every one", () => {
    const names = (node: typeof first): string[] => components(node, first).map(({ name }) => name);
    expect(names(second)).toEqual(["containerd", "kubelet", "kube-proxy"]);
    expect(names(first)).toEqual(
      expect.arrayContaining([...names(second), "etcd", "kube-apiserver", "kube-scheduler"]),
    );
  });

  test("of the control plane wait for what they would fail without", () => {
    const waits = Object.fromEntries(components(first, first).map(({ name, wait }) => [name, wait]));
    expect(waits).toMatchObject({
      etcd: "",
      containerd: "",
      "kube-apiserver": "tcp:127.0.0.1:2379",
      "kube-controller-manager": "https://127.0.0.1:6443/readyz",
      kubelet: "https://127.0.0.1:6443/readyz",
    });
  });

  test("find every file that their flags and configuration name", () => {
    for (const node of both) {
      const files = nodeFiles(node, first, pki, tools);
      const text = JSON.stringify([components(node, first).map(({ argv }) => argv), files]);
      const named = text.match(/\/etc\/(kubernetes|cni|containerd)\/[\w./-]+\.(?!d\b)\w+/g) ?? [];
      expect(named.length).toBeGreaterThan(5);
      for (const path of named) expect(Object.keys(files), path).toContain(path.replace("/etc/", ""));
    }
  });
});

describe("files of a node", () => {
  test("keep the authorities' keys off other nodes than the first", () => {
    expect(Object.keys(nodeFiles(first, first, pki, tools))).toContain("kubernetes/pki/ca.key");
    const names = Object.keys(nodeFiles(second, first, pki, tools));
    expect(names.filter((name) => name.endsWith(".key"))).toEqual(["kubernetes/pki/kubelet-2.key"]);
    expect(names).not.toContain("kubernetes/admin.kubeconfig");
  });

  test("let nobody into the kubelet without a question to the API server", () => {
    const config: unknown = JSON.parse(nodeFiles(first, first, pki, tools)["kubernetes/kubelet.yaml"] ?? "");
    expect(config).toMatchObject({
      authentication: { anonymous: { enabled: false } },
      authorization: { mode: "Webhook" },
    });
  });
});

describe("a kubeconfig", () => {
  test("has everything in it and is named after the lab", () => {
    const config: unknown = load(kubeconfig(pki, "admin", "https://127.0.0.1:1", "swap-a"));
    expect(config).toMatchObject({
      "current-context": "swap-a",
      clusters: [{ cluster: { server: "https://127.0.0.1:1", "certificate-authority-data": expect.any(String) } }],
      users: [{ user: { "client-certificate-data": expect.any(String), "client-key-data": expect.any(String) } }],
    });
  });
});

describe("manifests", () => {
  test("of a lab pull nothing and ask nobody outside", () => {
    expect(JSON.stringify(manifests(1))).not.toMatch(/"imagePullPolicy":"(?!Never)/);
    expect(corefile).not.toContain("forward");
  });

  test("have the paths of their objects", () => {
    for (const { path, object } of manifests(2)) {
      const { metadata, kind } = object as { metadata: { name: string }; kind: string };
      expect(path.endsWith(`/${metadata.name}`)).toBe(true);
      expect(path.toLowerCase()).toContain(kind.toLowerCase());
    }
  });
});

describe("the name of a lab", () => {
  test.for(["", "-a", "a-", "A", "a/b", "..", "a".repeat(41), "a b"])("cannot be %j", (name) => {
    expect(() => checkName(name)).toThrow(/cannot be the name/);
  });

  test.for(["a", "swap", "e2e-1", "0"])("can be %s", (name) => expect(checkName(name)).toBe(name));
});
