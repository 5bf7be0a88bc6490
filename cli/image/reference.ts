import { SwapError } from "../../src/error.ts";

/** Name and tag of an image, apart. */
export interface Reference {
  readonly name: string;
  readonly tag: string;
}

// distribution/reference, grammar of reference.go, less digests and with the host required: a short name would mean
// docker.io to one tool and nothing to the next.
const grammar =
  /^(?<name>[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]+)?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)+):(?<tag>\w[\w.-]{0,127})$/i;

/** Takes `host.domain/path:tag` apart; anything else is a mistake of the caller's. */
export function parseReference(reference: string): Reference {
  const { name, tag } = grammar.exec(reference)?.groups ?? {};
  if (name === undefined || tag === undefined || !/[.:]/.test(name.slice(0, name.indexOf("/")))) {
    throw new SwapError("usage", `${JSON.stringify(reference)} is not an image reference like swap.dev/name:tag.`);
  }
  return { name, tag };
}
