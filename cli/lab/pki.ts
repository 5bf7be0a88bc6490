import { addresses, type NodeAddress } from "./addresses.ts";
import { issue, keyPem, type Credential, type Purpose, type Subject } from "./certificate.ts";

/** One certificate of a lab, under the name that kubeadm gives its file. */
export interface CertificateRequest {
  readonly name: string;
  readonly subject: Subject;
  readonly purpose: Purpose;
  /** Which authority signs it: that of the cluster, or that of the API aggregation layer's proxy. */
  readonly authority: "ca" | "front-proxy-ca";
}

/** What a lab with these nodes needs beside its two authorities. */
export function certificateRequests(nodes: readonly NodeAddress[]): CertificateRequest[] {
  const client = (name: string, commonName: string, organisations: string[] = []): CertificateRequest => ({
    name,
    subject: { commonName, organisations },
    purpose: { kind: "client" },
    authority: "ca",
  });
  return [
    {
      name: "apiserver",
      subject: { commonName: "kube-apiserver" },
      purpose: { kind: "server", names: apiNames(nodes) },
      authority: "ca",
    },
    client("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ["system:masters"]),
    client("admin", "kubernetes-admin", ["system:masters"]),
    client("controller-manager", "system:kube-controller-manager"),
    client("scheduler", "system:kube-scheduler"),
    client("kube-proxy", "system:kube-proxy"),
    client("local-path-provisioner", "swap:local-path-provisioner"),
    { ...client("front-proxy-client", "front-proxy-client"), authority: "front-proxy-ca" },
    ...nodes.map(({ number, name, address }): CertificateRequest => ({
      name: `kubelet-${number}`,
      subject: { commonName: `system:node:${name}`, organisations: ["system:nodes"] },
      purpose: { kind: "server", names: [name, address] },
      authority: "ca",
    })),
  ];
}

function apiNames(nodes: readonly NodeAddress[]): string[] {
  const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  return [
    ...service,
    `kubernetes.default.svc.${addresses.domain}`,
    "localhost",
    "127.0.0.1",
    addresses.apiService,
    ...nodes.slice(0, 1).map(({ address }) => address),
  ];
}

/** All of a lab's secrets, by name. */
export type Pki = ReadonlyMap<string, Credential>;

/** Makes new keys and certificates for everything asked for; none is ever reused between labs. */
export function makePki(requests: readonly CertificateRequest[]): Pki {
  const pki = new Map<string, Credential>();
  for (const name of ["ca", "front-proxy-ca"]) {
    pki.set(name, issue({ commonName: `swap lab ${name}` }, { kind: "authority" }));
  }
  for (const { name, subject, purpose, authority } of requests) {
    pki.set(name, issue(subject, purpose, credential(pki, authority)));
  }
  // Service-account tokens are signed by a bare key; its certificate is not used.
  pki.set("sa", issue({ commonName: "service accounts" }, { kind: "client" }));
  return pki;
}

/** The named one; asking for one that was not made is a bug. */
export function credential(pki: Pki, name: string): Credential {
  const found = pki.get(name);
  if (found === undefined) throw new TypeError(`no certificate called ${name}`);
  return found;
}

/** `pki/NAME.crt` and `pki/NAME.key` of the named ones, for a node's /etc/kubernetes. */
export function pkiFiles(pki: Pki, names: readonly string[]): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of names) {
    const found = credential(pki, name);
    files[`kubernetes/pki/${name}.crt`] = found.certificate;
    files[`kubernetes/pki/${name}.key`] = keyPem(found);
  }
  return files;
}
