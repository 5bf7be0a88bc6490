/**
 * A Kubernetes object as the API server sends it: the client's typed model, but dates are the strings of the JSON.
 * Plans work on copies of such objects, so that a field that the client's models do not know yet survives.
 */
export type Raw<T> = 0 extends 1 & T
  ? unknown
  : T extends Date
    ? string
    : T extends readonly (infer Item)[]
      ? Raw<Item>[]
      : T extends object
        ? { [Key in keyof T]: Raw<T[Key]> }
        : T;

/** An RFC 7386 JSON merge patch (`application/merge-patch+json`): null takes a field away. */
export type MergePatch = { [field: string]: MergePatchValue };
type MergePatchValue = string | number | boolean | null | MergePatchValue[] | { [field: string]: MergePatchValue };
