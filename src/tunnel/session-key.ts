import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";

/** Ed25519 (RFC 8032). The public half goes into the pod's spec, the private half never leaves the process. */
export interface SessionKey {
  /** 32 raw bytes as base64url without padding. */
  publicKey: string;
  privateKey: KeyObject;
}

export function createSessionKey(): SessionKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const { x } = publicKey.export({ format: "jwk" });
  if (x === undefined) throw new Error("an Ed25519 key without its x");
  return { publicKey: x, privateKey };
}

/** The public half as `createSessionKey` writes it; undefined when the text is no such key. */
export function parsePublicKey(text: string): KeyObject | undefined {
  const raw = Buffer.from(text, "base64url");
  if (raw.length !== 32 || raw.toString("base64url") !== text) return undefined;
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: text }, format: "jwk" });
}
