import { inject } from "vitest";

/** What the global set-up has made for all end-to-end tests. */
export interface Surroundings {
  /** Name of the lab. */
  readonly lab: string;
  /** The administrator's kubeconfig; mode 0600, root's. */
  readonly kubeconfig: string;
  /** kubectl of the lab's own build. */
  readonly kubectl: string;
  readonly tester: Tester;
}

/** An ordinary user of this machine, as a developer is. */
export interface Tester {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** A copy of the administrator's kubeconfig that this user may read. */
  readonly kubeconfig: string;
  /** Readable by everybody: `dist/`, `apps/`, `bin/node`. */
  readonly folder: string;
}

declare module "vitest" {
  interface ProvidedContext {
    surroundings: Surroundings;
  }
}

export function surroundings(): Surroundings {
  return inject("surroundings");
}
