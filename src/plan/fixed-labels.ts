import type { V1Container, V1PodSpec } from "@kubernetes/client-node";
import type { Raw } from "./raw.ts";

/**
 * The spec with environment variables that take the value of one of these labels (downward API) written out: the kubelet
 * would find the label missing from the pod as it is created, and the variable empty.
 * @param labels those that the pod will not have when it starts, with the values that originals have.
 */
export function withFixedLabels(spec: Raw<V1PodSpec>, labels: Readonly<Record<string, string>>): Raw<V1PodSpec> {
  const fix = (container: Raw<V1Container>): Raw<V1Container> =>
    container.env === undefined ? container : { ...container, env: container.env.map((entry) => fixed(entry, labels)) };
  return {
    ...spec,
    containers: spec.containers.map(fix),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(fix) }),
  };
}

type Variable = NonNullable<Raw<V1Container>["env"]>[number];

function fixed(variable: Variable, labels: Readonly<Record<string, string>>): Variable {
  const path = variable.valueFrom?.fieldRef?.fieldPath ?? "";
  const [, single, double] = /^metadata\.labels\[(?:'(.*)'|"(.*)")\]$/.exec(path) ?? [];
  const value = labels[single ?? double ?? ""];
  return value === undefined ? variable : { name: variable.name, value };
}
