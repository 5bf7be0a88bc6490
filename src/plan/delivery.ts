import { posix } from "node:path";
import type { V1Container, V1PodSpec, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { SwapError } from "../error.ts";
import { freeName } from "./names.ts";
import type { Raw } from "./raw.ts";
import { initResources } from "./resources.ts";

/** Where the agent's tree is in the target container. */
export const agentPath = "/.swap";

/**
 * How the agent gets into the pod: as an image volume (Kubernetes 1.35 without a flag; KEP-4639), or copied into an
 * emptyDir by an init container, where the server does not know the field.
 */
export type DeliveryKind = "image-volume" | "init-container";

export interface AgentImage {
  reference: string;
  pullPolicy?: string;
}

export interface Delivery {
  volume: Raw<V1Volume>;
  mount: Raw<V1VolumeMount>;
  initContainer?: Raw<V1Container>;
}

/** The uid of the agent's init container where the pod names none, or root: the image's user may be root. */
const unprivilegedUser = 65532;

/**
 * @param target the target container as the agent pod will have it: its resources are asked for again
 * @throws SwapError unsupported where the container mounts something at the agent's place
 */
export function planDelivery(
  kind: DeliveryKind,
  image: AgentImage,
  spec: Raw<V1PodSpec>,
  target: Raw<V1Container>,
): Delivery {
  refuseCollision(target);
  const name = freeName("swap-agent", new Set((spec.volumes ?? []).map((volume) => volume.name)));
  const mount = { name, mountPath: agentPath, readOnly: true };
  if (kind === "init-container") {
    return { volume: { name, emptyDir: {} }, mount, initContainer: copyingContainer(image, spec, target, name) };
  }
  const pullPolicy = image.pullPolicy === undefined ? {} : { pullPolicy: image.pullPolicy };
  return { volume: { name, image: { reference: image.reference, ...pullPolicy } }, mount };
}

function refuseCollision(target: Raw<V1Container>): void {
  const paths = [
    ...(target.volumeMounts ?? []).map((mount) => mount.mountPath),
    ...(target.volumeDevices ?? []).map((device) => device.devicePath),
  ];
  const taken = paths.find((path) => `${posix.resolve("/", path)}/`.startsWith(`${agentPath}/`));
  if (taken === undefined) return;
  throw new SwapError("unsupported", `container "${target.name}" mounts a volume at ${taken}, the agent's own place`, {
    hint: `mount it elsewhere than below ${agentPath}`,
  });
}

/** Valid under Pod Security "restricted", whatever the pod's own security context says. */
function copyingContainer(
  image: AgentImage,
  spec: Raw<V1PodSpec>,
  target: Raw<V1Container>,
  volume: string,
): Raw<V1Container> {
  const names = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.name);
  const podUser = spec.securityContext?.runAsUser;
  const user = podUser === undefined || podUser === 0 ? { runAsUser: unprivilegedUser } : {};
  return {
    name: freeName("swap-agent", new Set(names)),
    image: image.reference,
    ...(image.pullPolicy === undefined ? {} : { imagePullPolicy: image.pullPolicy }),
    command: ["/agent", "copy", "/target"],
    volumeMounts: [{ name: volume, mountPath: "/target" }],
    resources: initResources(target.resources),
    securityContext: {
      runAsNonRoot: true,
      ...user,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}
