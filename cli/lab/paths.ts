import { join } from "node:path";
import { SwapError } from "../../src/error.ts";

/** Where labs keep their state on the host: a folder a lab, readable by root only. */
export const stateRoot = "/var/lib/swap-lab";

/** Files of one lab on the host. */
export interface LabPaths {
  readonly root: string;
  /** What was asked for: see state.ts. Written last, so that its presence means a complete folder. */
  readonly record: string;
  readonly kubeconfig: string;
  /** Folders of local-path volumes, seen by every node. */
  readonly volumes: string;
}

/** Files of one node on the host. */
export interface NodePaths {
  /** Becomes the node's /etc. */
  readonly etc: string;
  /** Becomes the node's /var. */
  readonly var: string;
  /** Empty: the node's root is mounted on it, in the node's own mount namespace. */
  readonly root: string;
  /** What node-init reads. */
  readonly plan: string;
  /** What node-init itself says. */
  readonly initLog: string;
  /** Logs of the components. */
  readonly logs: string;
}

/** The paths of the lab called `name`. */
export function labPaths(name: string): LabPaths {
  const root = join(stateRoot, name);
  return { root, record: join(root, "lab.json"), kubeconfig: join(root, "kubeconfig"), volumes: join(root, "volumes") };
}

/** The paths of node `number` of the lab called `name`. */
export function nodePaths(name: string, number: number): NodePaths {
  const folder = join(stateRoot, name, "nodes", String(number));
  return {
    etc: join(folder, "etc"),
    var: join(folder, "var"),
    root: join(folder, "root"),
    plan: join(folder, "node.json"),
    initLog: join(folder, "init.log"),
    logs: join(folder, "var/log/cube"),
  };
}

/** The name itself when it can be part of host names, paths and cgroups. */
export function checkName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return name;
  throw new SwapError("usage", `${JSON.stringify(name)} cannot be the name of a lab.`, {
    hint: "Use up to 40 small letters, digits and dashes, beginning and ending with a letter or digit.",
  });
}
