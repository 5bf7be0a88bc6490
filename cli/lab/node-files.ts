import { addresses, type NodeAddress } from "./addresses.ts";
import { containerdSocket } from "./components.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { pkiFiles, type Pki } from "./pki.ts";

/** What the plan needs to know of the host. */
export interface HostTools {
  /** Path of runc, the same in the node. */
  readonly runc: string;
  /** Folder of the CNI plugins, the same in the node. */
  readonly cniPlugins: string;
}

/** The image under which a pod's namespaces live. */
export const pauseReference = "swap.dev/pause:1";

/** The content of a node's /etc, by path below it. */
export function nodeFiles(node: NodeAddress, api: NodeAddress, pki: Pki, tools: HostTools): Record<string, string> {
  const server = `https://${node.number === api.number ? "127.0.0.1" : api.address}:${addresses.apiPort}`;
  const access = (name: string, user = name): Record<string, string> => ({
    [`kubernetes/${name}.kubeconfig`]: kubeconfig(pki, user, server, "lab"),
  });
  const common = {
    ...systemFiles(node),
    ...access("kubelet", `kubelet-${node.number}`),
    ...access("kube-proxy"),
    ...pkiFiles(pki, [`kubelet-${node.number}`]),
    "kubernetes/pki/ca.crt": pkiFiles(pki, ["ca"])["kubernetes/pki/ca.crt"] ?? "",
    "kubernetes/kubelet.yaml": JSON.stringify(kubeletConfig(node), null, 2),
    "kubernetes/kube-proxy.yaml": JSON.stringify(kubeProxyConfig(node), null, 2),
    "containerd/config.toml": containerdConfig(tools),
    "cni/net.d/10-lab.conflist": JSON.stringify(cniConfig(node), null, 2),
  };
  if (node.number !== api.number) return common;
  return {
    ...common,
    ...access("admin"),
    ...access("controller-manager"),
    ...access("scheduler"),
    ...access("local-path-provisioner"),
    ...pkiFiles(pki, ["ca", "sa", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client"]),
  };
}

function systemFiles({ name, address }: NodeAddress): Record<string, string> {
  return {
    hostname: `${name}\n`,
    hosts: `127.0.0.1 localhost\n${address} ${name}\n`,
    passwd: "root:x:0:0:root:/root:/bin/sh\n",
    group: "root:x:0:\n",
    // No name server: what is not in the cluster does not exist here.
    "resolv.conf": "options timeout:1 attempts:1\n",
    "nsswitch.conf": "hosts: files dns\n",
  };
}

/** KubeletConfiguration v1beta1. What a lab sets otherwise than a cluster does is said beside it. */
function kubeletConfig({ number }: NodeAddress): object {
  const pki = "/etc/kubernetes/pki";
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${pki}/ca.crt` },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: `${pki}/kubelet-${number}.crt`,
    tlsPrivateKeyFile: `${pki}/kubelet-${number}.key`,
    clusterDNS: [addresses.dnsService],
    clusterDomain: addresses.domain,
    resolvConf: "/etc/resolv.conf",
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: "cgroupfs",
    failCgroupV1: false,
    failSwapOn: false,
    // The node's cgroups are those of its container: nothing is reserved for a system beside the pods.
    enforceNodeAllocatable: [],
    // The disk is the host's and may be as full as its owner likes.
    evictionHard: { "imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%" },
    imageGCHighThresholdPercent: 100,
    imageMaximumGCAge: "0s",
    serializeImagePulls: false,
    maxPods: 250,
    podPidsLimit: -1,
    // /usr, where it would be, is the host's and read-only.
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    oomScoreAdj: 0,
  };
}

/** KubeProxyConfiguration v1alpha1. The conntrack sysctls belong to the host and are left alone. */
function kubeProxyConfig({ name }: NodeAddress): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clientConnection: { kubeconfig: "/etc/kubernetes/kube-proxy.kubeconfig" },
    clusterCIDR: addresses.pods,
    hostnameOverride: name,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    oomScoreAdj: 0,
  };
}

function containerdConfig({ runc, cniPlugins }: HostTools): string {
  const text = JSON.stringify; // a JSON string is a TOML basic string
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs", "io.containerd.differ.v1.erofs",
  "io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]

[grpc]
  address = ${text(containerdSocket)}

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = ${text(pauseReference)}

[plugins."io.containerd.cri.v1.runtime"]
  # Root of a container may not lower a score below its own.
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [${text(cniPlugins)}]
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      BinaryName = ${text(runc)}
      SystemdCgroup = false
`;
}

function cniConfig({ podRange }: NodeAddress): object {
  return {
    cniVersion: "1.0.0",
    name: "lab",
    plugins: [
      {
        // A route for each pod, as kind has it. With a bridge, answers between pods of one node would pass by the
        // translation of Service addresses unless the host had loaded br_netfilter.
        type: "ptp",
        // There is no outside to be hidden from.
        ipMasq: false,
        ipam: {
          type: "host-local",
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: "0.0.0.0/0" }],
          dataDir: "/run/cni",
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}
