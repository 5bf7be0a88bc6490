/** Where the debuggers that we know listen unless told otherwise. */
const inspectDefault = 9229;

/** `--inspect[-brk|-wait][=[HOST:]PORT]` of Node, Deno and Bun. */
const inspect = /^--inspect(?:-brk|-wait)?(?:=(?:.*:)?(\d+)?.*)?$/;
/** debugpy's and delve's `--listen [HOST:]PORT`, joined or apart. */
const listen = /^--listen(?:=(?:.*:)?(\d+))?$/;
/** JDWP's agent: -agentlib:jdwp=…,address=[HOST:]PORT */
const jdwp = /^-(?:agentlib:jdwp|Xrunjdwp)[=:].*address=(?:[^,]*:)?(\d+)/;
const debuggers = /(^|\/)(debugpy|dlv)$/;

export interface DebugPort {
  readonly port: number;
  readonly kind: "inspector" | "debugpy" | "delve" | "jdwp";
}

/** The ports on which a command line, or the options in its environment, open a debugger. */
export function findDebugPorts(command: readonly string[], env: Readonly<Record<string, string>>): DebugPort[] {
  const options = ["NODE_OPTIONS", "JAVA_TOOL_OPTIONS"].flatMap((name) => (env[name] ?? "").split(/\s+/));
  const words = [...command, ...options];
  const found: DebugPort[] = [];
  const debuggerAt = words.findIndex((word) => debuggers.test(word));
  for (const [index, word] of words.entries()) {
    const inspected = inspect.exec(word);
    if (inspected) found.push({ port: Number(inspected[1] ?? inspectDefault), kind: "inspector" });
    const java = jdwp.exec(word);
    if (java) found.push({ port: Number(java[1]), kind: "jdwp" });
    const listened = debuggerAt >= 0 && index > debuggerAt ? listen.exec(word) : null;
    const port = listened ? Number(listened[1] ?? (words[index + 1] ?? "").split(":").at(-1)) : 0;
    if (port > 0) found.push({ port, kind: words[debuggerAt]?.endsWith("dlv") ? "delve" : "debugpy" });
  }
  return found.filter(({ port }, index) => port < 65_536 && found.findIndex((one) => one.port === port) === index);
}
