import { addresses } from "./addresses.ts";

/** An object that every lab has, and where the API server keeps it. */
export interface Manifest {
  readonly path: string;
  readonly object: object;
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The image of CoreDNS. */
export const coreDnsReference = "swap.dev/coredns:1.14.7";

const system = "/api/v1/namespaces/kube-system";
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const dnsLabels = { "k8s-app": "kube-dns" };

/** What makes a bare API server a usable cluster: DNS and a default StorageClass. In the order of their making. */
export function manifests(nodeCount: number): Manifest[] {
  return [...storage(), ...dnsAccess(), ...dns(nodeCount)];
}

function storage(): Manifest[] {
  const name = "swap:local-path-provisioner";
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name }];
  const binding = (role: string): Manifest => {
    const metadata = { name: role === name ? name : `${name}:volumes` };
    return at(`${rbac}/clusterrolebindings`, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", metadata, {
      subjects,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    });
  };
  return [
    at(
      "/apis/storage.k8s.io/v1/storageclasses",
      "storage.k8s.io/v1",
      "StorageClass",
      {
        name: "local-path",
        annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
      },
      { provisioner: "swap.dev/local-path", reclaimPolicy: "Delete", volumeBindingMode: "WaitForFirstConsumer" },
    ),
    at(
      `${rbac}/clusterroles`,
      "rbac.authorization.k8s.io/v1",
      "ClusterRole",
      { name },
      {
        rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] }],
      },
    ),
    binding(name),
    binding("system:persistent-volume-provisioner"),
  ];
}

function dnsAccess(): Manifest[] {
  const name = "system:coredns";
  return [
    at(`${system}/serviceaccounts`, "v1", "ServiceAccount", { name: "coredns", namespace: "kube-system" }, {}),
    at(
      `${rbac}/clusterroles`,
      "rbac.authorization.k8s.io/v1",
      "ClusterRole",
      { name },
      {
        rules: [
          { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
        ],
      },
    ),
    at(
      `${rbac}/clusterrolebindings`,
      "rbac.authorization.k8s.io/v1",
      "ClusterRoleBinding",
      { name },
      {
        subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: "kube-system" }],
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      },
    ),
  ];
}

/**
 * Two zones instead of a forward: the cluster's own names, and everything else, which does not exist. NXDOMAIN rather
 * than no answer, since C libraries ask again for anything less definite.
 */
export const corefile = `${addresses.domain}:53 in-addr.arpa:53 ip6.arpa:53 {
  errors
  health :8080 {
    lameduck 2s
  }
  ready :8181
  kubernetes ${addresses.domain} in-addr.arpa ip6.arpa {
    pods insecure
    ttl 5
  }
  cache 5
  reload
}
.:53 {
  errors
  template ANY ANY {
    rcode NXDOMAIN
    authority "{{ .Zone }} 5 IN SOA lab.invalid. nobody.lab.invalid. 1 60 60 60 5"
  }
}
`;

function dns(nodeCount: number): Manifest[] {
  const metadata = { name: "coredns", namespace: "kube-system", labels: dnsLabels };
  return [
    at(`${system}/configmaps`, "v1", "ConfigMap", metadata, { data: { Corefile: corefile } }),
    at(
      `${system}/services`,
      "v1",
      "Service",
      { ...metadata, name: "kube-dns" },
      {
        spec: {
          clusterIP: addresses.dnsService,
          selector: dnsLabels,
          ports: [
            { name: "dns", port: 53, protocol: "UDP", targetPort: 53 },
            { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: 53 },
          ],
        },
      },
    ),
    at("/apis/apps/v1/namespaces/kube-system/deployments", "apps/v1", "Deployment", metadata, {
      spec: {
        replicas: nodeCount,
        selector: { matchLabels: dnsLabels },
        strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: { metadata: { labels: dnsLabels }, spec: dnsPod },
      },
    }),
  ];
}

const dnsPod = {
  serviceAccountName: "coredns",
  priorityClassName: "system-cluster-critical",
  dnsPolicy: "Default",
  tolerations: [{ operator: "Exists" }],
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: dnsLabels },
    },
  ],
  containers: [
    {
      name: "coredns",
      image: coreDnsReference,
      imagePullPolicy: "Never",
      args: ["-conf", "/etc/coredns/Corefile"],
      ports: [
        { name: "dns", containerPort: 53, protocol: "UDP" },
        { name: "dns-tcp", containerPort: 53, protocol: "TCP" },
      ],
      resources: { requests: { cpu: "10m", memory: "20Mi" } },
      readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
        readOnlyRootFilesystem: true,
      },
      volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
    },
  ],
  volumes: [{ name: "config", configMap: { name: "coredns" } }],
};

function at(folder: string, apiVersion: string, kind: string, metadata: Metadata, rest: object): Manifest {
  return { path: `${folder}/${metadata.name}`, object: { apiVersion, kind, metadata, ...rest } };
}
