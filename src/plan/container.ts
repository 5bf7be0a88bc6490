import type { V1Container, V1PodTemplateSpec } from "@kubernetes/client-node";
import { SwapError } from "../error.ts";
import type { Raw } from "./raw.ts";

/** Which container kubectl means when none is named: https://kubernetes.io/docs/reference/labels-annotations-taints/ */
const defaultContainer = "kubectl.kubernetes.io/default-container";

/**
 * The container to swap: the requested one, else the template's default container, else the only one.
 *
 * @throws SwapError not-found for an unknown one, usage for an init container or where there are several to choose from;
 *   each names those that there are
 */
export function chooseContainer(template: Raw<V1PodTemplateSpec>, requested?: string): Raw<V1Container> {
  const containers = template.spec?.containers ?? [];
  const names = containers.map((container) => container.name).join(", ");
  if (requested !== undefined) {
    const found = containers.find((container) => container.name === requested);
    if (found !== undefined) return found;
    if (template.spec?.initContainers?.some((container) => container.name === requested)) {
      throw new SwapError("usage", `"${requested}" is an init container, which cannot be swapped`, {
        hint: `choose one of: ${names}`,
      });
    }
    throw new SwapError("not-found", `there is no container "${requested}" in the pod`, {
      hint: `choose one of: ${names}`,
    });
  }
  const marked = template.metadata?.annotations?.[defaultContainer];
  const chosen = containers.find((container) => container.name === marked);
  if (chosen !== undefined) return chosen;
  const [only, ...others] = containers;
  if (only === undefined) throw new SwapError("not-found", "the pod template has no containers");
  if (others.length > 0) {
    throw new SwapError("usage", `the pod has several containers: ${names}`, {
      hint: `name one with -c, or as in: swap deploy/api/${only.name}`,
    });
  }
  return only;
}
