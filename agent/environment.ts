import { readFileSync } from "node:fs";
import { restoreName } from "./hidden-environment.ts";

const equals = 0x3d;

/**
 * The container's environment as the runtime gave it, byte for byte: NAME=VALUE, each ended by NUL (proc(5), environ).
 * Names that the launcher hid from our Node have their own letters again.
 */
export function readEnvironment(): Buffer {
  return restoreEnvironment(readFileSync("/proc/self/environ"));
}

export function restoreEnvironment(block: Buffer): Buffer {
  const restored = Buffer.from(block);
  for (let at = 0; at < restored.length;) {
    const end = restored.indexOf(0, at);
    const stop = end < 0 ? restored.length : end;
    const sign = restored.subarray(at, stop).indexOf(equals);
    const nameEnd = sign < 0 ? stop : at + sign;
    restored.write(restoreName(restored.toString("latin1", at, nameEnd)), at, "latin1");
    at = stop + 1;
  }
  return restored;
}
