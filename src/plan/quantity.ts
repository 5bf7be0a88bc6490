const suffixes: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A Kubernetes resource quantity (`64Mi`, `0.5`, `128974848`, `129e6`, `1500m`) as a number of its base unit; undefined
 * for what is not one. Grammar: k8s.io/apimachinery/pkg/api/resource, Quantity.
 */
export function parseQuantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return undefined;
  const factor = suffixes[match[3] ?? ""];
  return factor === undefined ? undefined : Number(`${match[1]}${match[2] ?? ""}`) * factor;
}

/** A number of bytes as a quantity. */
export function formatBytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return Number.isInteger(mebibytes) ? `${mebibytes}Mi` : `${Math.ceil(bytes)}`;
}
