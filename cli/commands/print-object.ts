import { dump } from "js-yaml";
import type { Io } from "../io.ts";

/** Writes a Kubernetes object to stdout as kubectl would with `-o`. */
export function printObject(io: Io, object: unknown, format: "json" | "yaml"): void {
  io.stdout.write(
    format === "json" ? `${JSON.stringify(object, null, 2)}\n` : dump(object, { noRefs: true, lineWidth: -1 }),
  );
}
