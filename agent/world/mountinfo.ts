/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountEntry {
  id: number;
  parent: number;
  /** Where it is mounted, as the process sees it. */
  path: string;
  type: string;
  /** As the file system's own word for it: a device, a server's export, or any name. */
  source: string;
  readOnly: boolean;
}

/** Entries in the kernel's order. Lines that are not as documented are skipped, and so are paths that are no UTF-8. */
export function parseMountInfo(mountinfo: Buffer): MountEntry[] {
  return mountinfo
    .toString("latin1")
    .split("\n")
    .map(parseLine)
    .filter((entry) => entry !== undefined);
}

function parseLine(line: string): MountEntry | undefined {
  const fields = line.split(" ");
  // Optional fields, of which there may be none, end with a dash of their own.
  const dash = fields.indexOf("-", 6);
  if (dash < 0) return undefined;
  const [id, parent, , , mountPoint, options] = fields;
  const [type, source = "", superOptions = ""] = fields.slice(dash + 1);
  const path = decode(mountPoint ?? "");
  if (path === undefined || !path.startsWith("/") || !type || !isNumber(id) || !isNumber(parent)) return undefined;
  const readOnly = isReadOnly(options ?? "") || isReadOnly(superOptions);
  return { id: Number(id), parent: Number(parent), path, type, source: decode(source) ?? source, readOnly };
}

const isNumber = (text: string | undefined): boolean => /^\d{1,10}$/.test(text ?? "");

const isReadOnly = (options: string): boolean => options.split(",").includes("ro");

/** Spaces, tabs, newlines and backslashes are written in octal: \040 \011 \012 \134. */
function decode(field: string): string | undefined {
  const octets = field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
  const bytes = Buffer.from(octets, "latin1");
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : undefined;
}
