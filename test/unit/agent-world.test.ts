import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseMountInfo } from "../../agent/world/mountinfo.ts";
import { podAddresses } from "../../agent/world/pod-addresses.ts";
import { parseIPv4Routes, parseIPv6Routes } from "../../agent/world/routes.ts";
import { visibleMounts } from "../../agent/world/visible-mounts.ts";
import { encodePodWorld, parsePodWorld, type PodWorld } from "../../src/wire/pod-world.ts";
import { WireError } from "../../src/wire/wire-error.ts";

/** A container of containerd with a token, a ConfigMap's subPath, a PVC, an emptyDir and the agent. */
const container = `
1700 1699 0:300 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
1701 1700 0:303 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
1702 1700 0:304 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
1703 1702 0:305 / /dev/pts rw,nosuid,noexec,relatime - devpts devpts rw,gid=5
1704 1702 0:297 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw
1705 1700 0:302 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
1706 1705 0:30 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
1707 1700 254:1 /kubelet/etc-hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
1708 1702 254:1 /kubelet/log /dev/termination-log rw,relatime - ext4 /dev/vda1 rw
1709 1700 254:1 /cri/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw
1710 1700 254:1 /cri/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw
1711 1702 0:296 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
1712 1700 0:288 / /run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs rw,size=131072k
1713 1700 254:1 /pods/u/volumes/config/..2026/app.conf /etc/app/app.conf ro,relatime shared:7 master:2 - ext4 /dev/vda1 rw
1714 1700 0:310 / /data rw,relatime - nfs4 10.0.0.9:/export rw,vers=4.2
1715 1700 254:1 /pods/u/volumes/scratch /with\\040space\\134and\\011tab rw,relatime - ext4 /dev/vda1 rw
1716 1700 0:311 / /.swap ro,relatime - overlay overlay ro
1717 1701 0:303 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
1718 1701 0:312 / /proc/acpi ro,relatime - tmpfs tmpfs ro
1719 1705 0:313 / /sys/firmware ro,relatime - tmpfs tmpfs ro
`;

const mountsOf = (text: string): ReturnType<typeof parseMountInfo> => parseMountInfo(Buffer.from(text));

describe("the mounts of a container", () => {
  test("are its volumes, with their types and whether they are read-only", () => {
    expect(
      visibleMounts(mountsOf(container), "/.swap").map(({ path, type, readOnly }) => [path, type, readOnly]),
    ).toEqual([
      ["/run/secrets/kubernetes.io/serviceaccount", "tmpfs", true],
      ["/etc/app/app.conf", "ext4", true],
      ["/data", "nfs4", false],
      ["/with space\\and\ttab", "ext4", false],
    ]);
  });

  test("include a volume on /dev/shm, which the runtime's own is not", () => {
    const volume = "30 1702 0:9 / /dev/shm rw,relatime - tmpfs tmpfs rw";
    const others = container.replace(/^1711.*$/m, volume);
    expect(visibleMounts(mountsOf(others), "/.swap").map(({ path }) => path)).toContain("/dev/shm");
  });

  test("leave out what another mount covers, with all that lies on it", () => {
    const text = `
1 0 0:1 / / rw - overlay overlay rw
2 1 0:2 / /a rw - tmpfs lower rw
3 2 0:3 / /a/b rw - tmpfs hidden rw
4 2 0:4 / /a rw - tmpfs upper rw
5 4 0:5 / /a/c rw - tmpfs seen rw
6 1 0:6 / /ab rw - tmpfs sibling rw
`;
    expect(visibleMounts(mountsOf(text), "/.swap").map(({ source }) => source)).toEqual(["upper", "seen", "sibling"]);
  });

  test("of any text are parsed without an error, to absolute paths", () => {
    const words = fc.constantFrom("1", "2", "/", "/a", "\\040", "\\777", "-", "ext4", "ro,x", "\xff", "..", "");
    fc.assert(
      fc.property(fc.array(words, { maxLength: 14 }), (line) => {
        const entries = parseMountInfo(Buffer.from(line.join(" "), "latin1"));
        expect(entries.every(({ path }) => path.startsWith("/"))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the routes of a pod", () => {
  test("of IPv4 are read from the kernel's numbers", () => {
    const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100F40A	0003	0	0	0	00000000	0	0	0
eth0	0000F40A	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	0100F40A	00000000	0005	0	0	0	FFFFFFFF	0	0	0
eth1	0000A8C0	00000000	0000	0	0	0	00FFFFFF	0	0	0
`;
    expect(parseIPv4Routes(table)).toEqual([
      { destination: "0.0.0.0/0", interface: "eth0" },
      { destination: "10.244.0.0/16", interface: "eth0" },
      { destination: "10.244.0.1/32", interface: "eth0" },
    ]);
  });

  test("of IPv6 are written as RFC 5952 has it", () => {
    const zeros = "0".repeat(32);
    const rest = `${zeros} 00 ${zeros} 00000400 00000001 00000000`;
    const table = [
      `fd0000000000000000000000000000aa 80 ${rest} 00000001     eth0`,
      `20010db8000100000000000200000000 40 ${rest} 00000001     eth0`,
      `${zeros} 00 ${rest} 00000003     eth0`,
      `${zeros} 00 ${rest} 00200200       lo`,
    ].join("\n");
    expect(parseIPv6Routes(table).map(({ destination }) => destination)).toEqual([
      "fd00::aa/128",
      "2001:db8:1::2:0:0/64",
      "::/0",
    ]);
  });
});

test("the pod's own address comes first, and link-local ones never", () => {
  const address = (text: string, internal = false) => ({ address: text, internal }) as never;
  const interfaces = {
    lo: [address("127.0.0.1", true)],
    net1: [address("192.168.7.2")],
    eth0: [address("10.244.0.7"), address("fe80::1"), address("fd00::7")],
  };
  expect(podAddresses(interfaces, ["eth0"])).toEqual(["10.244.0.7", "fd00::7", "192.168.7.2"]);
});

describe("the description of a pod", () => {
  const world: PodWorld = {
    hostname: "api-0",
    podIPs: ["10.0.0.1"],
    resolvConf: "nameserver 10.96.0.10\n",
    hosts: "127.0.0.1 localhost\n",
    routes: [{ destination: "0.0.0.0/0" }],
    uid: 65_532,
    gid: 0,
    groups: [0, 2_000],
    mounts: [{ path: "/data", type: "ext4", readOnly: false, kind: "directory" }],
  };

  test("comes back as it was sent, however large the pod's files are", () => {
    expect(parsePodWorld(encodePodWorld(world))).toEqual(world);
    const large = { ...world, hosts: "\u{1}".repeat(1_000_000) };
    expect(parsePodWorld(encodePodWorld(large)).hosts.length).toBeLessThan(1_000_000);
  });

  test.each([
    { ...world, uid: -1 },
    { ...world, mounts: [{}] },
    { ...world, routes: {} },
    { ...world, podIPs: [4] },
    [],
  ])("is refused when it is not as agreed (%#)", (value) => {
    expect(() => parsePodWorld(Buffer.from(JSON.stringify(value)))).toThrow(WireError);
  });
});
