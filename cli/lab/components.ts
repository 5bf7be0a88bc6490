import { addresses, type NodeAddress } from "./addresses.ts";

/** A program that node-init keeps running. */
export interface Component {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Path in the node. */
  readonly log: string;
  /** What must answer before it starts: `tcp:HOST:PORT`, `unix:PATH`, `https://…`, or "" for nothing. */
  readonly wait: string;
}

/** Where a node has the lab's own programs. */
export const binFolder = "/opt/swap/bin";

/** Where containerd listens in a node. */
export const containerdSocket = "/run/containerd/containerd.sock";

const pki = "/etc/kubernetes/pki";
const etcdAddress = "127.0.0.1:2379";
const apiReady = `https://127.0.0.1:${addresses.apiPort}/readyz`;

/** The components of a node in the order of their start; the reverse is the order in which they are stopped. */
export function components(node: NodeAddress, api: NodeAddress): Component[] {
  const everywhere = [
    component("containerd", [`${binFolder}/containerd`, "--config=/etc/containerd/config.toml"]),
    cube("kubelet", kubeletFlags(node), `unix:${containerdSocket}`),
    cube("kube-proxy", ["--config=/etc/kubernetes/kube-proxy.yaml"]),
  ];
  if (node.number !== api.number) return everywhere;
  const controlPlane = [
    cube("etcd", etcdFlags),
    cube("kube-apiserver", apiServerFlags(api), `tcp:${etcdAddress}`),
    cube("kube-controller-manager", controllerManagerFlags, apiReady),
    cube("kube-scheduler", ["--kubeconfig=/etc/kubernetes/scheduler.kubeconfig", ...delegated("scheduler")], apiReady),
    cube("local-path-provisioner", localPathFlags, apiReady),
  ];
  // A kubelet that finds no API server waits up to seconds before it asks again.
  return [...controlPlane, ...everywhere.map((part) => (part.wait === "" && isCube(part) ? late(part) : part))].map(
    (part) => (part.name === "kubelet" ? late(part) : part),
  );
}

function isCube({ argv }: Component): boolean {
  return argv[0] === `${binFolder}/cube`;
}

function late(part: Component): Component {
  return { ...part, wait: apiReady };
}

function component(name: string, argv: readonly string[], wait = ""): Component {
  const env = ["PATH=/opt/swap/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"];
  return { name, argv, env, log: `/var/log/cube/${name}.log`, wait };
}

function cube(name: string, flags: readonly string[], wait = ""): Component {
  return component(name, [`${binFolder}/cube`, name, ...flags], wait);
}

/** A lab's data is worth nothing after a power cut that the next `up` could not make again: so no write is waited for. */
const etcdFlags = [
  "--data-dir=/var/lib/etcd",
  "--unsafe-no-fsync",
  `--listen-client-urls=http://${etcdAddress}`,
  `--advertise-client-urls=http://${etcdAddress}`,
  "--listen-peer-urls=http://127.0.0.1:2380",
  "--initial-advertise-peer-urls=http://127.0.0.1:2380",
  "--initial-cluster=default=http://127.0.0.1:2380",
  "--log-level=warn",
];

function apiServerFlags({ address }: NodeAddress): string[] {
  return [
    `--etcd-servers=http://${etcdAddress}`,
    `--advertise-address=${address}`,
    `--secure-port=${addresses.apiPort}`,
    `--service-cluster-ip-range=${addresses.services}`,
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--allow-privileged=true",
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--client-ca-file=${pki}/ca.crt`,
    `--kubelet-client-certificate=${pki}/apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet-client.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    "--kubelet-preferred-address-types=InternalIP,Hostname",
    `--service-account-issuer=https://kubernetes.default.svc.${addresses.domain}`,
    `--service-account-key-file=${pki}/sa.key`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    `--requestheader-client-ca-file=${pki}/front-proxy-ca.crt`,
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-username-headers=X-Remote-User",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    `--proxy-client-cert-file=${pki}/front-proxy-client.crt`,
    `--proxy-client-key-file=${pki}/front-proxy-client.key`,
  ];
}

/** Authentication and authorization of requests to the component itself are asked of the API server. */
function delegated(name: string): string[] {
  return ["authentication", "authorization"]
    .map((kind) => `--${kind}-kubeconfig=/etc/kubernetes/${name}.kubeconfig`)
    .concat("--leader-elect=false", "--bind-address=127.0.0.1");
}

const controllerManagerFlags = [
  "--kubeconfig=/etc/kubernetes/controller-manager.kubeconfig",
  ...delegated("controller-manager"),
  "--use-service-account-credentials=true",
  `--service-account-private-key-file=${pki}/sa.key`,
  `--root-ca-file=${pki}/ca.crt`,
  `--cluster-signing-cert-file=${pki}/ca.crt`,
  `--cluster-signing-key-file=${pki}/ca.key`,
  `--service-cluster-ip-range=${addresses.services}`,
  `--cluster-cidr=${addresses.pods}`,
  // At the start each controller asks for a token of its own; at the default of 20 requests a second that takes 4 s.
  "--kube-api-qps=200",
  "--kube-api-burst=400",
];

const localPathFlags = ["--kubeconfig=/etc/kubernetes/local-path-provisioner.kubeconfig", "--root=/var/lib/local-path"];

function kubeletFlags({ name, address }: NodeAddress): string[] {
  return [
    "--config=/etc/kubernetes/kubelet.yaml",
    "--kubeconfig=/etc/kubernetes/kubelet.kubeconfig",
    `--hostname-override=${name}`,
    `--node-ip=${address}`,
  ];
}
