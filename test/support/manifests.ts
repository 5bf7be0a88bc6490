import { identityReference, type IdentityKind } from "./images/identity-images.ts";

export interface WorkloadOptions {
  readonly name?: string;
  /** Which image of the small server; debian if left out. */
  readonly kind?: IdentityKind;
  readonly replicas?: number;
  /** Merged over the container: probes, env, resources, securityContext … */
  readonly container?: object;
  /** Merged over the pod's spec: volumes, initContainers, securityContext … */
  readonly pod?: object;
  /** Further containers beside the target. */
  readonly sidecars?: readonly object[];
  /** Merged over the workload's spec: strategy, minReadySeconds … */
  readonly spec?: object;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A Deployment of the identity server: ends at once on SIGTERM, answers `{"from":"original"}` on port 8080 (`http`). */
export function identityDeployment(options: WorkloadOptions = {}): object {
  return workload("Deployment", options);
}

/** A bare ReplicaSet of the identity server. */
export function identityReplicaSet(options: WorkloadOptions = {}): object {
  return workload("ReplicaSet", options);
}

function workload(apiKind: string, options: WorkloadOptions): object {
  const { name = "api", kind = "debian", replicas = 1, sidecars = [], labels = {} } = options;
  const container = {
    name,
    image: identityReference(kind),
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/ready", port: "http" }, periodSeconds: 1 },
    ...options.container,
  };
  return {
    apiVersion: "apps/v1",
    kind: apiKind,
    metadata: { name, labels: { app: name, ...labels } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      ...options.spec,
      template: {
        metadata: { labels: { app: name, ...labels } },
        spec: { containers: [container, ...sidecars], ...options.pod },
      },
    },
  };
}

/** A Service of that workload: port 80 to the named port `http`. */
export function serviceOf(name = "api", spec: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }], ...spec },
  };
}

/** A sidecar that ignores SIGTERM, as many do. */
export const stubbornSidecar = {
  name: "stubborn",
  image: "swap.dev/busybox:1",
  command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
};
