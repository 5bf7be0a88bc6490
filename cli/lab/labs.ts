import { findProvider } from "./choose.ts";
import type { Lab, LabDependencies, LabOptions, LabStatus, ProviderName } from "./lab.ts";
import { checkName } from "./paths.ts";

/** A lab by its name; its provider is found out when it is not given. */
export interface LabReference {
  readonly name: string;
  readonly provider?: ProviderName | undefined;
}

/**
 * Makes a lab, or completes it after whatever happened to it; one that is well is left as it is. When it fails or is
 * interrupted, nothing remains of a lab that it began.
 *
 * @throws SwapError `lab`, `usage`, `conflict`, `interrupted`
 */
export async function labUp(options: LabOptions & LabReference, dependencies: LabDependencies): Promise<Lab> {
  const name = checkName(options.name);
  const provider = await findProvider(name, options.provider, dependencies, (choice) =>
    dependencies.progress.say(`Provider ${choice.provider}: ${choice.reason}.`, { ...choice }),
  );
  return provider.up(options);
}

/** Removes a lab; says whether there was anything to remove. */
export async function labDown(lab: LabReference, dependencies: LabDependencies): Promise<boolean> {
  return (await find(lab, dependencies)).down(lab.name);
}

/** How a lab is; `undefined` when there is none of this name. */
export async function labStatus(lab: LabReference, dependencies: LabDependencies): Promise<LabStatus | undefined> {
  return (await find(lab, dependencies)).status(lab.name);
}

/** Puts the images of these tars into every node of a lab. */
export async function loadImages(
  lab: LabReference,
  tars: readonly string[],
  dependencies: LabDependencies,
): Promise<void> {
  await (await find(lab, dependencies)).load(lab.name, tars);
}

function find({ name, provider }: LabReference, dependencies: LabDependencies): ReturnType<typeof findProvider> {
  return findProvider(checkName(name), provider, dependencies);
}
