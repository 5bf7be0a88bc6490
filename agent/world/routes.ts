/** A route of the pod's main table. */
export interface Route {
  /** CIDR. */
  destination: string;
  interface: string;
}

const up = 0x1;
const reject = 0x200;

/** Routes of /proc/net/route (IPv4): addresses as hexadecimal numbers in the machine's byte order, here little-endian. */
export function parseIPv4Routes(table: string): Route[] {
  return rows(table).flatMap(([name, destination, , flags, , , , mask]) => {
    if (!name || !/^[0-9A-F]{8}$/i.test(destination ?? "") || !/^[0-9A-F]{8}$/i.test(mask ?? "")) return [];
    if (!isUsable(flags)) return [];
    const bytes = [...Buffer.from(destination!, "hex")].toReversed();
    const prefix = parseInt(mask!, 16).toString(2).replaceAll("0", "").length;
    return [{ destination: `${bytes.join(".")}/${prefix}`, interface: name }];
  });
}

/** Routes of /proc/net/ipv6_route: 32 hexadecimal digits, prefix length in hexadecimal, …, flags, interface. */
export function parseIPv6Routes(table: string): Route[] {
  return rows(table).flatMap((fields) => {
    const [destination, prefix] = fields;
    const [flags, name] = fields.slice(-2);
    if (!name || !/^[0-9a-f]{32}$/i.test(destination ?? "") || !/^[0-9a-f]{2}$/i.test(prefix ?? "")) return [];
    if (!isUsable(flags)) return [];
    const groups = destination!.match(/.{4}/g)!.map((group) => parseInt(group, 16).toString(16));
    return [{ destination: `${compress(groups)}/${parseInt(prefix!, 16)}`, interface: name }];
  });
}

function rows(table: string): string[][] {
  return table.split("\n").map((line) => line.trim().split(/\s+/));
}

function isUsable(flags: string | undefined): boolean {
  const bits = /^[0-9a-f]{4,8}$/i.test(flags ?? "") ? parseInt(flags!, 16) : 0;
  return (bits & up) !== 0 && (bits & reject) === 0;
}

/** The first longest run of at least two zeros becomes `::` (RFC 5952). */
function compress(groups: readonly string[]): string {
  const run = longestRun(groups);
  if (run.length < 2) return groups.join(":");
  return `${groups.slice(0, run.start).join(":")}::${groups.slice(run.start + run.length).join(":")}`;
}

function longestRun(groups: readonly string[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === "0" ? length + 1 : 0;
    if (length > longest.length) longest = { start: index - length + 1, length };
  });
  return longest;
}
