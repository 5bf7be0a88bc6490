import {
  booleanField,
  type Fields,
  integerField,
  integerListField,
  listField,
  parseFields,
  stringField,
  stringListField,
} from "./fields.ts";
import { WireError } from "./wire-error.ts";

/** Where the container lives, as the agent sees it from inside. */
export interface PodWorld {
  hostname: string;
  /** The pod's addresses, those of the default route's interface first; no loopback, no link-local ones. */
  podIPs: string[];
  /** Text of /etc/resolv.conf and /etc/hosts; empty where the container has none. */
  resolvConf: string;
  hosts: string;
  /** The pod's own routes, as CIDR; the default route is 0.0.0.0/0 or ::/0. */
  routes: { destination: string }[];
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: number[];
  mounts: PodMount[];
}

/** A file system mounted in the container, such as a volume; see agent/world/visible-mounts.ts for what is left out. */
export interface PodMount {
  path: string;
  /** As the kernel names it: ext4, tmpfs, nfs4 … */
  type: string;
  readOnly: boolean;
  /** A volume's subPath may be mounted as one file. */
  kind: "directory" | "file";
}

/** Bytes of the JSON at most. */
export const maxWorldBytes = 16 << 20;

const maxText = 1 << 18;
const maxMounts = 2_048;
const maxRoutes = 4_096;
const maxId = 0xffff_ffff;

/** UTF-8 JSON within `maxWorldBytes`; texts and lists that are too long are cut. */
export function encodePodWorld(world: PodWorld): Buffer {
  return Buffer.from(
    JSON.stringify({
      ...world,
      resolvConf: world.resolvConf.slice(0, maxText),
      hosts: world.hosts.slice(0, maxText),
      routes: world.routes.slice(0, maxRoutes),
      mounts: world.mounts.slice(0, maxMounts),
    }),
  );
}

/** What the agent wrote, whole. Throws WireError. */
export function parsePodWorld(bytes: Buffer): PodWorld {
  if (bytes.length > maxWorldBytes) throw new WireError("the description of the pod is too long");
  const fields = parseFields(bytes.toString("utf8"), "the description of the pod");
  return {
    hostname: stringField(fields, "hostname", 256),
    podIPs: stringListField(fields, "podIPs", 256, 64),
    resolvConf: stringField(fields, "resolvConf", maxText),
    hosts: stringField(fields, "hosts", maxText),
    routes: listField(fields, "routes", maxRoutes, (route) => ({ destination: stringField(route, "destination", 64) })),
    uid: integerField(fields, "uid", 0, maxId),
    gid: integerField(fields, "gid", 0, maxId),
    groups: integerListField(fields, "groups", 65_536, 0, maxId),
    mounts: listField(fields, "mounts", maxMounts, parseMount),
  };
}

function parseMount(fields: Fields): PodMount {
  return {
    path: stringField(fields, "path", 4_096),
    type: stringField(fields, "type", 256),
    readOnly: booleanField(fields, "readOnly"),
    kind: stringField(fields, "kind", 16) === "file" ? "file" : "directory",
  };
}
