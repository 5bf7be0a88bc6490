import type { Environment } from "./environ.ts";

/** What makes a laptop's shell, terminal and desktop work: the container's values would break them. */
const staysLocal = new Set(["PATH", "HOME", "USER", "SHELL", "TERM", "PWD", "LANG", "TMPDIR", "DISPLAY"]);
const staysLocalPrefixes = ["SSH_", "XDG_"];

export interface EnvironmentSources {
  /** The container's, exactly. */
  container: Environment;
  /** The laptop's: `process.env`. */
  laptop: Readonly<Record<string, string | undefined>>;
  /** `--env-file`. */
  file?: Environment;
  /** `--env NAME=VALUE`. */
  overrides?: Environment;
}

/**
 * The local process's environment: the laptop's, over it the container's except for the names that stay local (a laptop
 * without one of these stays without), over it the file's, over it the overrides.
 */
export function mergeEnvironment({ container, laptop, file, overrides }: EnvironmentSources): Environment {
  const merged = new Map<string, string>();
  for (const [name, value] of Object.entries(laptop)) {
    if (value !== undefined) merged.set(name, value);
  }
  for (const [name, value] of container) {
    if (!isLocal(name)) merged.set(name, value);
  }
  for (const [name, value] of [...(file ?? []), ...(overrides ?? [])]) merged.set(name, value);
  return merged;
}

function isLocal(name: string): boolean {
  return staysLocal.has(name) || staysLocalPrefixes.some((prefix) => name.startsWith(prefix));
}
