import { SwapError } from "../error.ts";

/** A `-p` flag: connections to the pod's `remote` port (a number, or the name of a container port) go to `local`. */
export interface PortMapping {
  remote: number | string;
  /** Undefined: the same number as the remote port. */
  local: number | undefined;
}

/**
 * Reads `[LOCAL:]REMOTE`, as kubectl port-forward has it.
 *
 * @throws SwapError usage
 */
export function parsePortMapping(text: string): PortMapping {
  const match = /^(?:([^:]*):)?([^:]+)$/.exec(text);
  const remoteText = match?.[2] ?? "";
  const localText = match?.[1];
  const remote = /^\d+$/.test(remoteText) ? portNumber(remoteText) : portName(remoteText);
  const local = localText === undefined ? undefined : portNumber(localText);
  if (remote === undefined || (localText !== undefined && local === undefined)) {
    throw new SwapError("usage", `"${text}" is not a port mapping`, {
      hint: "write -p REMOTE or -p LOCAL:REMOTE, with ports from 1 to 65535; REMOTE may be a container port's name",
    });
  }
  return { remote, local };
}

function portNumber(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** A port's name is an IANA service name: RFC 6335, section 5.1. */
function portName(text: string): string | undefined {
  return text.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) && /[a-z]/.test(text) ? text : undefined;
}
