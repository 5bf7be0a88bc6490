import { readFile } from "node:fs/promises";
import { attachDebugger } from "../debugger.ts";

/** A breakpoint in a program that runs under `node --inspect`. Disposing detaches the debugger. */
export interface Breakpoint extends Disposable {
  /** From 1, as editors count. */
  readonly line: number;
  readonly text: string;
  /** Waits until the program stands there. @returns its local variables as `name = value`. */
  hit(timeoutMs: number): Promise<string[]>;
  resume(): Promise<void>;
}

interface CallFrame {
  readonly scopeChain: readonly { readonly type: string; readonly object: { readonly objectId: string } }[];
}

interface Property {
  readonly name: string;
  readonly value?: { readonly type: string; readonly value?: unknown };
}

/** Sets a breakpoint on the first line of `file` that contains `marker`, by the inspector's protocol. */
export async function setBreakpoint(port: number, file: string, marker: string): Promise<Breakpoint> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const lineNumber = lines.findIndex((line) => line.includes(marker));
  const debug = await attachDebugger(port);
  await debug.send("Debugger.enable");
  const urlRegex = ".*/app\\.js$";
  const { locations } = await debug.send("Debugger.setBreakpointByUrl", { lineNumber, urlRegex });
  if (!Array.isArray(locations) || locations.length !== 1) throw new Error("the breakpoint was not taken");
  return {
    line: lineNumber + 1,
    text: (lines[lineNumber] ?? "").trim(),
    async hit(timeoutMs) {
      const { callFrames } = (await debug.paused(timeoutMs)) as { callFrames: readonly CallFrame[] };
      const scope = callFrames[0]?.scopeChain.find(({ type }) => type === "local");
      if (scope === undefined) throw new Error("the program stands nowhere");
      const { objectId } = scope.object;
      const { result } = await debug.send("Runtime.getProperties", { objectId, ownProperties: true });
      return (result as readonly Property[]).flatMap(({ name, value }) =>
        value?.value === undefined ? [] : [`${name} = ${JSON.stringify(value.value)}`],
      );
    },
    async resume() {
      await debug.send("Debugger.resume");
    },
    [Symbol.dispose]: () => debug[Symbol.dispose](),
  };
}
