/**
 * Names, or beginnings of names, of environment variables that would change how the agent's own Node runs. The launcher
 * (agent/launcher/launch.c, which holds the same list) hides them from it; the local process gets them back.
 */
export const hiddenPrefixes: readonly string[] = [
  "LD_",
  "NODE_",
  "OPENSSL_",
  "SSL_CERT_",
  "GLIBC_TUNABLES",
  "MALLOC_",
  "UV_",
  "V8_",
  "ICU_",
  "GCONV_PATH",
  "LOCPATH",
  "NLSPATH",
  "RESOLV_HOST_CONF",
  "RES_OPTIONS",
  "LOCALDOMAIN",
  "TMPDIR",
];

/**
 * The name that a variable had in the container: undoes the launcher's change of the first letter (L → ^L) and leaves
 * every other name as it is. Works on text of any encoding that keeps ASCII; names of /proc/self/environ included.
 */
export function restoreName(name: string): string {
  const first = name.charCodeAt(0);
  if (!(first < 0x20)) return name;
  const restored = String.fromCharCode(first | 0x40) + name.slice(1);
  return hiddenPrefixes.some((prefix) => restored.startsWith(prefix)) ? restored : name;
}
