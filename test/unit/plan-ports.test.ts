import type { V1EndpointSlice } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { parsePortMapping } from "../../src/plan/port-mapping.ts";
import { choosePorts } from "../../src/plan/ports.ts";
import type { Raw } from "../../src/plan/raw.ts";
import { readTemplate } from "./fixtures/template.ts";

function slice(pod: string, ...ports: { port?: number; protocol?: string; name?: string }[]): Raw<V1EndpointSlice> {
  const endpoints = [{ addresses: ["10.0.0.7"], targetRef: { kind: "Pod", name: pod } }];
  return { addressType: "IPv4", endpoints, ports };
}

function choose(
  template: string,
  {
    slices = [],
    mappings = [],
    container,
  }: { slices?: Raw<V1EndpointSlice>[]; mappings?: string[]; container?: string },
) {
  const read = readTemplate(template);
  return choosePorts({
    template: read,
    container: container ?? read.spec?.containers.at(-1)?.name ?? "",
    endpointSlices: slices,
    pods: ["api-1"],
    mappings: mappings.map(parsePortMapping),
  });
}

describe("a port mapping", () => {
  it.each([
    ["8080", { remote: 8080, local: undefined }],
    ["3000:8080", { remote: 8080, local: 3000 }],
    ["3000:http", { remote: "http", local: 3000 }],
    ["grpc-web", { remote: "grpc-web", local: undefined }],
    ["1:65535", { remote: 65_535, local: 1 }],
  ])("%s is understood", (text, expected) => {
    expect(parsePortMapping(text)).toEqual(expected);
  });

  it.each(["", ":", ":80", "80:", "0", "65536", "0:80", "70000:80", "-1", "http:80", "1:2:3", "8080/udp", "HTTP"])(
    "%j is refused",
    (text) => {
      expect(() => parsePortMapping(text)).toThrow(expect.objectContaining({ code: "usage" }));
    },
  );
});

describe("the ports taken over", () => {
  it("are the container's declared TCP ports; others are told", () => {
    expect(choose("web-api", {})).toEqual({
      ports: [
        { remote: 8080, local: 8080, source: "declared" },
        { remote: 9090, local: 9090, source: "declared" },
      ],
      skipped: [{ port: 8125, reason: "udp" }],
    });
  });

  it("include what Services send to the original pods, by number or name, and to no other pods", () => {
    const slices = [
      slice("api-1", { name: "web", port: 4000 }, { port: 8080, protocol: "TCP" }, { port: 5353, protocol: "UDP" }),
      slice("other-1", { port: 6000 }),
      slice("api-1", {}),
    ];
    const { ports, skipped } = choose("web-api", { slices });
    expect(ports.map(({ remote, source }) => [remote, source])).toEqual([
      [4000, "service"],
      [8080, "declared"],
      [9090, "declared"],
    ]);
    expect(skipped.map(({ port }) => port)).toEqual([5353, 8125]);
  });

  it("leave other containers' ports alone, native sidecars' too, unless -p asks for them", () => {
    const slices = [slice("api-1", { port: 9100, protocol: "TCP" }, { port: 50_051, protocol: "TCP" })];
    const { ports, skipped } = choose("mesh", { slices, container: "orders" });
    expect(ports).toEqual([{ remote: 50_051, local: 50_051, source: "declared" }]);
    expect(skipped).toEqual([{ port: 9100, reason: "other-container" }]);
    const asked = choose("mesh", { slices, container: "orders", mappings: ["9100"] });
    expect(asked.ports[0]).toEqual({ remote: 9100, local: 9100, source: "mapping" });
    const native = choose("native-sidecar", { slices: [slice("api-1", { port: 5432 })] });
    expect(native.skipped).toEqual([{ port: 5432, reason: "other-container" }]);
  });

  it("go where -p says, by number or name, whatever is declared", () => {
    expect(choose("web-api", { mappings: ["3000:http", "7000"] }).ports).toEqual([
      { remote: 7000, local: 7000, source: "mapping" },
      { remote: 8080, local: 3000, source: "mapping" },
      { remote: 9090, local: 9090, source: "declared" },
    ]);
  });

  it("of one number in two protocols are the TCP one", () => {
    expect(choose("sysctl", {})).toEqual({
      ports: [{ remote: 53, local: 53, source: "declared" }],
      skipped: [{ port: 53, reason: "udp" }],
    });
  });

  it.each([
    [["8080", "9000:8080"], "usage"],
    [["8080", "http"], "usage"],
    [["nope"], "not-found"],
    [["statsd"], "unsupported"],
  ])("are refused for %j", (mappings, code) => {
    expect(() => choose("web-api", { mappings })).toThrow(expect.objectContaining({ code }));
  });
});
