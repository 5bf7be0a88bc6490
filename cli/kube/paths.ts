/** Paths of the API server for the resources that swap uses; the list is the API surface that swap needs. */
export const podsPath = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
export const podPath = (namespace: string, name: string): string => `${podsPath(namespace)}/${name}`;
export const allPodsPath = "/api/v1/pods";
export const deploymentsPath = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments`;
export const replicaSetsPath = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/replicasets`;
export const endpointSlicesPath = (namespace: string): string =>
  `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
export const accessReviewsPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
export const subjectReviewsPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
