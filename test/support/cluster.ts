/** What end-to-end tests need of the cluster, in one place. */
export { allReady } from "./workload.ts";
export { inCluster, type InClusterClient, type LoadFigures } from "./in-cluster/client.ts";
export { apply, kubectlJson } from "./kubectl.ts";
export { identityDeployment, identityReplicaSet, serviceOf, stubbornSidecar } from "./manifests.ts";
export { useNamespace, type Namespace } from "./namespace.ts";
export { isFinished, isOurs, isReady, watchPods, type PodWatch } from "./pod-watch.ts";
export { workloadSnapshot } from "./snapshot.ts";
export { runSwap, startEcho, startSwap, type SwapProcess } from "./swap-process.ts";
export { surroundings } from "./surroundings.ts";
export { freePort } from "./free-port.ts";
export { until } from "./until.ts";
export { useColleague } from "./rights.ts";
