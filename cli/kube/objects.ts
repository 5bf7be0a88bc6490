import type {
  V1Deployment,
  V1EndpointSlice,
  V1Pod,
  V1ReplicaSet,
  V1SelfSubjectAccessReview,
  V1SelfSubjectReview,
} from "@kubernetes/client-node";
import type { Raw } from "../../src/plan/raw.ts";

/** Kubernetes objects as the API server sends them. */
export type Pod = Raw<V1Pod>;
export type Deployment = Raw<V1Deployment>;
export type ReplicaSet = Raw<V1ReplicaSet>;
export type EndpointSlice = Raw<V1EndpointSlice>;
export type AccessReview = Raw<V1SelfSubjectAccessReview>;
export type SubjectReview = Raw<V1SelfSubjectReview>;
