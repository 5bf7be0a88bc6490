import { X509Certificate } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { issue, keyPem } from "../../cli/lab/certificate.ts";
import { integer, objectIdentifier, sequence, time } from "../../cli/lab/der.ts";

describe("certificates of a lab", () => {
  const authority = issue({ commonName: "ca" }, { kind: "authority" });

  test("are signed by their authority and name their user and groups", () => {
    const { certificate } = issue({ commonName: "me", organisations: ["a", "b"] }, { kind: "client" }, authority);
    const read = new X509Certificate(certificate);
    expect(read.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(read.subject).toBe("O=a\nO=b\nCN=me");
    expect(read.issuer).toBe("CN=ca");
    expect(read.ca).toBe(false);
    expect(new X509Certificate(authority.certificate).ca).toBe(true);
  });

  test("of servers are for their names and addresses only", () => {
    const purpose = { kind: "server", names: ["localhost", "10.96.0.1"] } as const;
    const read = new X509Certificate(issue({ commonName: "api" }, purpose, authority).certificate);
    expect(read.checkHost("localhost")).toBe("localhost");
    expect(read.checkHost("example.com")).toBeUndefined();
    expect(read.checkIP("10.96.0.1")).toBe("10.96.0.1");
    expect(read.checkIP("10.96.0.2")).toBeUndefined();
  });

  test("never share a key or a serial number", () => {
    const [one, two] = [1, 2].map(
      () => new X509Certificate(issue({ commonName: "x" }, { kind: "client" }).certificate),
    );
    expect(one?.serialNumber).not.toBe(two?.serialNumber);
    expect(one?.fingerprint256).not.toBe(two?.fingerprint256);
  });

  test("carry a mutual TLS handshake", async () => {
    const server = issue({ commonName: "api" }, { kind: "server", names: ["localhost"] }, authority);
    const client = issue({ commonName: "me" }, { kind: "client" }, authority);
    const common = { ca: authority.certificate };
    const listening = createServer({ ...common, key: keyPem(server), cert: server.certificate, requestCert: true });
    await once(listening.listen(0, "127.0.0.1"), "listening");
    const address = listening.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const accepted = once(listening, "secureConnection");
    const socket = connect({ ...common, port, servername: "localhost", key: keyPem(client), cert: client.certificate });
    const [peer] = (await accepted) as [TLSSocket];
    expect(peer.authorized).toBe(true);
    expect(peer.getPeerCertificate().subject.CN).toBe("me");
    socket.destroy();
    peer.destroy();
    listening.close();
  });
});

describe("DER", () => {
  test("has the lengths and numbers of X.690's own examples", () => {
    expect(objectIdentifier("1.2.840.113549").toString("hex")).toBe("06062a864886f70d");
    expect(integer(Buffer.from([0x80])).toString("hex")).toBe("02020080");
    expect(integer(Buffer.from([0, 0, 5])).toString("hex")).toBe("020105");
    expect(sequence(Buffer.alloc(200)).subarray(0, 3).toString("hex")).toBe("3081c8");
    expect(sequence(Buffer.alloc(300)).subarray(0, 4).toString("hex")).toBe("3082012c");
  });

  test("writes years from 2050 in four digits", () => {
    expect(time(new Date("2049-12-31T23:59:59Z")).subarray(2).toString()).toBe("491231235959Z");
    expect(time(new Date("2050-01-01T00:00:00Z")).subarray(2).toString()).toBe("20500101000000Z");
  });
});
