import { expect, test } from "vitest";
import { findDebugPorts } from "../../cli/immersion/debug-ports.ts";
import { chooseMode } from "../../cli/immersion/mode.ts";
import { chooseVolumes } from "../../cli/immersion/plan-files.ts";
import { clusterDomain, planEtc, readResolvConf } from "../../cli/immersion/plan-names.ts";
import { ipBatch, nftRules } from "../../cli/immersion/plan-network.ts";
import { clusterRanges } from "../../cli/immersion/plan-ranges.ts";
import type { Finding } from "../../cli/immersion/probe.ts";
import { planReplacements, type FileFacts } from "../../cli/immersion/inner/replacements.ts";
import { Destinations } from "../../cli/immersion/outer/destinations.ts";
import { kernelAddress, readListening } from "../../cli/immersion/outer/listening.ts";
import type { PodWorld } from "../../src/wire/pod-world.ts";

const world: PodWorld = {
  hostname: "api-swap-x",
  podIPs: ["10.244.1.7"],
  resolvConf: "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n",
  hosts: "127.0.0.1 localhost\n10.1.2.3 old.example",
  routes: [{ destination: "0.0.0.0/0" }, { destination: "10.244.0.0/16" }, { destination: "fe80::/64" }],
  uid: 1000,
  gid: 1000,
  groups: [],
  mounts: [],
};

test("the pod's names: its resolv.conf as it is, its hosts with the laptop's own name, no other source of hosts", () => {
  const etc = planEtc(world, "passwd: files\nhosts: files mymachines resolve [!UNAVAIL=return] dns\n");
  expect(etc["resolv.conf"]).toBe(world.resolvConf);
  expect(etc["hosts"]).toBe("127.0.0.1 localhost\n10.1.2.3 old.example\n198.18.0.1\thost.swap.internal\n");
  expect(etc["nsswitch.conf"]).toBe("passwd: files\nhosts: files dns\n");
  expect(planEtc(world, undefined)).not.toHaveProperty("nsswitch.conf");
  expect(clusterDomain(readResolvConf(world.resolvConf))).toBe("cluster.local");
  expect(clusterDomain(readResolvConf("nameserver 1.1.1.1\nnameserver rubbish; rm -rf\n"))).toBeUndefined();
  expect(readResolvConf("nameserver rubbish;x\nnameserver fd00::a").nameservers).toEqual(["fd00::a"]);
});

test("the pod's network: its address on eth0, everything else intercepted", () => {
  const plan = {
    ipv4: "10.244.1.7",
    ipv6: undefined,
    routes6: [],
    nameserver: "10.96.0.10",
    interceptPort: 1,
    loopbackPorts: [5432],
  };
  expect(ipBatch(plan)).toContain("addr add 10.244.1.7/32 dev eth0\nroute add local default dev lo src 10.244.1.7\n");
  expect(ipBatch({ ...plan, ipv6: "fd00::7", routes6: ["fd00::/64"] })).toContain(
    "route add local fd00::/64 dev lo src fd00::7\n",
  );
  const rules = nftRules(plan);
  const order = ["dport { 5432 } socket", "dport { 5432 } tproxy", "ip daddr { 127.0.0.0/8, 10.244.1.7 } accept"];
  const positions = order.map((part) => rules.indexOf(part));
  expect(positions.every((position) => position > 0)).toBe(true);
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  expect(rules).toContain("ip daddr 10.96.0.10 udp dport 53 accept");
});

test("traffic for the cluster leaves from the pod, other traffic from the laptop", () => {
  const ranges = clusterRanges({ world, serviceHost: "10.96.0.1", serviceRanges: [], also: ["172.20.0.0/16"] });
  expect(ranges).not.toContain("0.0.0.0/0");
  const destinations = new Destinations({ outbound: "cluster", ranges, laptopPorts: new Set([5432]) });
  const from = (host: string, port = 80): string => destinations.route(host, port).from;
  expect(["10.244.9.9", "10.96.7.7", "172.20.1.1"].map((host) => from(host))).toEqual(["pod", "pod", "pod"]);
  expect(["93.184.216.34", "192.168.1.10", "2606:2800::1"].map((host) => from(host))).toEqual(Array(3).fill("laptop"));
  expect([from("127.0.0.1", 5432), from("127.0.0.1", 6379), from("::1", 5432)]).toEqual(["laptop", "pod", "laptop"]);
  expect(destinations.route("198.18.0.1", 3000)).toEqual({ from: "laptop", host: "127.0.0.1" });
  destinations.learn(["93.184.216.34", "192.168.1.10", "fd12:0:0::0001"], false);
  expect([from("93.184.216.34"), from("192.168.1.10"), from("fd12::1")]).toEqual(["laptop", "pod", "pod"]);
  destinations.learn(["93.184.216.34"], true);
  expect(from("93.184.216.34")).toBe("pod");
  const all = new Destinations({ outbound: "all", ranges: [], laptopPorts: new Set() });
  const none = new Destinations({ outbound: "none", ranges, laptopPorts: new Set() });
  expect([all.route("8.8.8.8", 80).from, none.route("10.244.9.9", 80).from]).toEqual(["pod", "laptop"]);
});

test("volumes are at their own paths, less what stays local and what the kubelet makes in every container", () => {
  const mount = (path: string, kind: "directory" | "file" = "directory") => ({
    path,
    type: "ext4",
    readOnly: false,
    kind,
  });
  const mounts = ["/etc/hosts", "/dev/termination-log"].map((path) => mount(path, "file"));
  mounts.push(mount("/"), mount("/etc/config"), mount("/data"), mount("/var/cache/x"), mount("/srv"));
  const volumes = chooseVolumes(mounts, ["/var/cache"], new Map([["/srv", "/home/me/srv"]]));
  expect(volumes.map(({ remote, path }) => `${remote} ${path}`)).toEqual([
    "/data /data",
    "/etc/config /etc/config",
    "/srv /home/me/srv",
  ]);
});

const laptop = (there: Record<string, "directory" | "file">, more: Partial<FileFacts> = {}): FileFacts => ({
  kindOf: (path) => (path === "/" ? "directory" : there[path]),
  realpath: (path) => (path === "/var/run" ? "/run" : path),
  isOurs: () => false,
  mountPoints: ["/", "/run/user/1000"],
  ...more,
});

test("mount points come into being without a change to the machine's folders", () => {
  const facts = laptop({
    "/etc": "directory",
    "/run": "directory",
    "/var/run": "directory",
    "/opt": "directory",
    "/tmp": "directory",
  });
  const directory = (path: string) => ({ path, kind: "directory" as const });
  const { replacements, create } = planReplacements(
    [
      directory("/etc/config"),
      directory("/var/run/secrets/x"),
      { path: "/opt/app/one", kind: "file" },
      directory("/data"),
      directory("/tmp"),
    ],
    facts,
    ["/etc", "/run"],
  );
  expect(create).toEqual([]);
  expect(replacements).toEqual([
    { folder: "/", how: "binds", create: [directory("data")] },
    { folder: "/etc", how: "overlay", create: [directory("config")] },
    { folder: "/run", how: "binds", create: [directory("secrets/x")] },
    { folder: "/opt", how: "overlay", create: [{ path: "app/one", kind: "file" }] },
  ]);
});

test("the developer's own folders are never replaced by copies", () => {
  const facts = laptop({ "/home/me": "directory", "/etc": "directory" }, { isOurs: (folder) => folder === "/home/me" });
  const wanted = [{ path: "/home/me/data/x", kind: "directory" as const }];
  expect(planReplacements(wanted, facts, ["/etc"])).toMatchObject({
    create: wanted,
    replacements: [{ folder: "/etc" }],
  });
});

test("listeners are told from clients and from our own sockets", () => {
  const line = (address: string, port: number, state: string): string =>
    `   0: ${address}:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 ${state} 00000000:00000000`;
  const own = new Set([kernelAddress("10.244.1.7")]);
  const table = [
    line("00000000", 8080, "0A"),
    line("0100007F", 9229, "0A"),
    line(kernelAddress("10.244.1.7"), 81, "0A"),
    line(kernelAddress("10.96.0.1"), 443, "0A"),
    line("00000000", 50000, "01"),
    line("00000000", 1, "0A"),
  ].join("\n");
  expect(readListening(`header\n${table}\n`, "tcp", own, (port) => port === 1)).toEqual([
    { protocol: "tcp", port: 8080, address: "any" },
    { protocol: "tcp", port: 9229, address: "loopback" },
    { protocol: "tcp", port: 81, address: "any" },
  ]);
  expect(kernelAddress("::1")).toBe("00000000000000000000000001000000");
  expect(kernelAddress("127.0.0.1")).toBe("0100007F");
});

const good = (name: string, needed: Finding["needed"]): Finding => ({ name, ok: true, detail: "", needed });
const bad = (name: string, needed: Finding["needed"]): Finding => ({
  ...good(name, needed),
  ok: false,
  detail: "missing",
  mend: `get ${name}`,
});

test("what was asked for and cannot be had is refused with the command that mends it", () => {
  const noNft = [bad("nft", "network"), good("sshfs", "files")];
  expect(() => chooseMode({ network: "full", files: undefined }, noNft)).toThrow(/--network=full cannot be had.*nft/);
  const noFuse = [good("nft", "network"), bad("/dev/fuse", "files")];
  expect(() => chooseMode({ network: "full", files: "volumes" }, noFuse)).toThrow(/--files=volumes cannot be had/);
  const mode = chooseMode({ network: "full", files: undefined }, noFuse);
  expect(mode).toMatchObject({ network: "full", files: "none" });
  expect(mode.notes.join()).toMatch(/\/dev\/fuse: missing \(mend it: get \/dev\/fuse\)/);
  expect(() => chooseMode({ network: "proxy", files: "volumes" }, [])).toThrow(/needs namespaces/);
});

test("the debugger's port is found in the command and in its environment", () => {
  const ports = (words: string, env = {}): string =>
    findDebugPorts(words.split(" "), env)
      .map(({ kind, port }) => `${kind} ${port}`)
      .join();
  expect(ports("node --inspect app.js")).toBe("inspector 9229");
  expect(ports("node --inspect-brk=0.0.0.0:9300 app.js --inspect=9300")).toBe("inspector 9300");
  expect(ports("npm start", { NODE_OPTIONS: "--enable-source-maps --inspect=9230" })).toBe("inspector 9230");
  expect(ports("python -m debugpy --listen 0.0.0.0:5678 app.py")).toBe("debugpy 5678");
  expect(ports("/go/bin/dlv debug --headless --listen=:2345")).toBe("delve 2345");
  expect(ports("java -agentlib:jdwp=transport=dt_socket,server=y,address=*:5005 -jar app.jar")).toBe("jdwp 5005");
  expect(ports("server --listen 8080 --inspector")).toBe("");
});
