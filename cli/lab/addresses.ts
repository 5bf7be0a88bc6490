/** Where everything is in a lab. A lab's network touches nothing outside, so that all labs use the same addresses. */
export const addresses = {
  apiPort: 6443,
  services: "10.96.0.0/16",
  apiService: "10.96.0.1",
  dnsService: "10.96.0.10",
  pods: "10.244.0.0/16",
  domain: "cluster.local",
} as const;

/** What one node of a lab is called and where it is. `number` counts from 1; number 1 has the control plane. */
export interface NodeAddress {
  readonly number: number;
  readonly name: string;
  readonly address: string;
  readonly podRange: string;
}

/** The nodes of a lab called `lab`. */
export function nodeAddresses(lab: string, count: number): NodeAddress[] {
  return Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    name: `${lab}-${index + 1}`,
    address: `172.18.0.${index + 2}`,
    podRange: `10.244.${index}.0/24`,
  }));
}
