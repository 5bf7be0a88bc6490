/** An IPv4 address in its own form, also where it came through a socket of both families (RFC 4291, 2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
