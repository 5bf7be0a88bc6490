import { SwapError } from "../../src/error.ts";
import { defaultNetwork, type FilesMode, type NetworkMode } from "./flags.ts";
import { missingFor, type Finding } from "./probe.ts";

/** What the command line asks for; undefined is for us to choose. */
export interface WantedMode {
  readonly network: NetworkMode | undefined;
  readonly files: FilesMode | undefined;
}

export interface Mode {
  readonly network: NetworkMode;
  readonly files: FilesMode;
  /** Why it is less than could be had elsewhere, and how to mend it: for the user. */
  readonly notes: readonly string[];
}

/**
 * Chooses how the local process lives in the pod's world: as asked, or as well as this machine can. Pure.
 * @throws SwapError unsupported when the machine cannot do what was asked for, with the command that mends it.
 */
export function chooseMode(wanted: WantedMode, findings: readonly Finding[]): Mode {
  const notes: string[] = [];
  const noNetwork = missingFor("network", findings);
  const noFiles = missingFor("files", findings);
  let network = wanted.network ?? defaultNetwork;
  if (network === "full" && noNetwork) {
    if (wanted.network) throw cannot("--network=full", noNetwork, "--network=proxy does without");
    network = "proxy";
    notes.push(`the network is reached by proxies only: ${describe(noNetwork)}`);
  }
  if (network !== "full") {
    if (wanted.files === "volumes" || wanted.files === "all") {
      throw new SwapError("unsupported", `--files=${wanted.files} needs namespaces of its own`, {
        hint: noNetwork ? describe(noNetwork) : "leave out --network, or say --network=full",
      });
    }
    return { network, files: "none", notes };
  }
  if (wanted.files === "copy")
    throw new SwapError("unsupported", "--files=copy does not exist yet", { hint: "use volumes or none" });
  let files = wanted.files ?? "volumes";
  if ((files === "volumes" || files === "all") && noFiles) {
    if (wanted.files) throw cannot(`--files=${files}`, noFiles, "--files=none does without");
    files = "none";
    notes.push(`the container's volumes are not shown: ${describe(noFiles)}`);
  }
  return { network, files, notes };
}

function cannot(flag: string, missing: Finding, without: string): SwapError {
  const hint = missing.mend === undefined ? without : `${missing.mend}; ${without}`;
  return new SwapError("unsupported", `${flag} cannot be had on this machine: ${missing.name}: ${missing.detail}`, {
    hint,
  });
}

function describe({ name, detail, mend }: Finding): string {
  return `${name}: ${detail}${mend === undefined ? "" : ` (mend it: ${mend})`}`;
}
