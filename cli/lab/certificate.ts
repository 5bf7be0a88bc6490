import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIPv4 } from "node:net";
import { bitString, element, explicit, integer, objectIdentifier, sequence, tag, time, truth } from "./der.ts";

/** Who a certificate speaks for. Kubernetes reads the user from `commonName` and its groups from `organisations`. */
export interface Subject {
  readonly commonName: string;
  readonly organisations?: readonly string[];
}

/** What a certificate is for. */
export type Purpose =
  | { readonly kind: "authority" }
  | { readonly kind: "client" }
  /** `names` are DNS names and IPv4 addresses. A server's certificate of ours serves as a client's as well. */
  | { readonly kind: "server"; readonly names: readonly string[] };

/** A private key with its certificate. */
export interface Credential {
  readonly subject: Subject;
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
}

const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));

/** Valid from a little before, for the sake of clocks that step back: a lab's certificates outlive the lab. */
const validity = { beforeMs: 60 * 60 * 1000, afterMs: 10 * 365 * 24 * 60 * 60 * 1000 };

/**
 * Makes a P-256 key and a certificate of it (RFC 5280), signed by `issuer`, or by itself when there is none.
 * `now` is milliseconds since the epoch.
 */
export function issue(subject: Subject, purpose: Purpose, issuer?: Credential, now = Date.now()): Credential {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicInfo = publicKey.export({ type: "spki", format: "der" });
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), // version 3
    integer(randomBytes(16)),
    ecdsaWithSha256,
    distinguishedName(issuer?.subject ?? subject),
    sequence(time(new Date(now - validity.beforeMs)), time(new Date(now + validity.afterMs))),
    distinguishedName(subject),
    publicInfo,
    explicit(3, sequence(...extensions(purpose, publicInfo))),
  );
  const signature = sign("sha256", body, issuer?.key ?? privateKey);
  const certificate = pem("CERTIFICATE", sequence(body, ecdsaWithSha256, bitString(signature)));
  return { subject, key: privateKey, certificate };
}

/** The key as SEC 1 PEM: the one form of an elliptic-curve key that Kubernetes reads everywhere (RFC 5915). */
export function keyPem({ key }: Pick<Credential, "key">): string {
  return String(key.export({ type: "sec1", format: "pem" }));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function distinguishedName({ commonName, organisations = [] }: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    element(tag.set, sequence(objectIdentifier(type), element(tag.utf8String, Buffer.from(value))));
  return sequence(...organisations.map((name) => attribute("2.5.4.10", name)), attribute("2.5.4.3", commonName));
}

function extensions(purpose: Purpose, publicInfo: Buffer): Buffer[] {
  const keyId = createHash("sha256").update(publicInfo).digest().subarray(0, 20);
  const list = [extension("2.5.29.14", false, element(tag.octetString, keyId))];
  if (purpose.kind === "authority") {
    list.push(extension("2.5.29.19", true, sequence(truth)));
    list.push(extension("2.5.29.15", true, bitString(Buffer.from([0x06]), 1))); // keyCertSign, cRLSign
    return list;
  }
  list.push(extension("2.5.29.19", true, sequence()));
  list.push(extension("2.5.29.15", true, bitString(Buffer.from([0x80]), 7))); // digitalSignature
  const uses = purpose.kind === "server" ? ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"] : ["1.3.6.1.5.5.7.3.2"];
  list.push(extension("2.5.29.37", false, sequence(...uses.map(objectIdentifier))));
  if (purpose.kind === "server") {
    list.push(extension("2.5.29.17", false, sequence(...purpose.names.map(alternativeName))));
  }
  return list;
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [truth] : []), element(tag.octetString, value));
}

function alternativeName(name: string): Buffer {
  return isIPv4(name)
    ? element(0x87, Buffer.from(name.split(".").map(Number)))
    : element(0x82, Buffer.from(name, "ascii"));
}
