import type { NetworkInterfaceInfo } from "node:os";

/** The pod's addresses, those of the default route's interfaces first; no loopback, no link-local ones. */
export function podAddresses(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  defaultInterfaces: readonly string[],
): string[] {
  const rank = (name: string): number => (defaultInterfaces.includes(name) ? 0 : 1);
  return Object.keys(interfaces)
    .toSorted((a, b) => rank(a) - rank(b))
    .flatMap((name) => interfaces[name] ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe[89ab]|169\.254\.)/i.test(address))
    .map(({ address }) => address);
}
