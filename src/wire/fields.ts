import { WireError } from "./wire-error.ts";

/** A message as JSON gives it: every field is unknown until one of the readers below has looked at it. */
export type Fields = Readonly<Record<string, unknown>>;

/** Parses one JSON object; anything else is a WireError. The caller has bounded `text` already. */
export function parseFields(text: string, what: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WireError(`${what} is not JSON`, { cause: error });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WireError(`${what} is no object`);
  return value as Fields;
}

/** A string of at most `max` UTF-16 units. */
export function stringField(fields: Fields, name: string, max: number): string {
  const value = fields[name];
  if (typeof value !== "string") throw new WireError(`field ${name} is no string`);
  if (value.length > max) throw new WireError(`field ${name} is longer than ${max}`);
  return value;
}

/** A whole number within [min, max]. */
export function integerField(fields: Fields, name: string, min: number, max: number): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw new WireError(`field ${name} is no whole number`);
  if (value < min || value > max) throw new WireError(`field ${name} is not within ${min} and ${max}`);
  return value;
}

export function optionalIntegerField(fields: Fields, name: string, min: number, max: number): number | undefined {
  return fields[name] === undefined ? undefined : integerField(fields, name, min, max);
}

export function booleanField(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw new WireError(`field ${name} is no boolean`);
  return value;
}

export function objectField(fields: Fields, name: string): Fields {
  const value = fields[name];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WireError(`field ${name} is no object`);
  }
  return value as Fields;
}

/** A list of at most `max` whole numbers, each within [from, to]. */
export function integerListField(fields: Fields, name: string, max: number, from: number, to: number): number[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > max) throw new WireError(`field ${name} is no list of at most ${max}`);
  return value.map((_, index) => integerField(value as unknown as Fields, String(index), from, to));
}

/** `bytes` bytes in base64url without padding. */
export function bytesField(fields: Fields, name: string, bytes: number): Buffer {
  const text = stringField(fields, name, Math.ceil((bytes * 4) / 3));
  const value = Buffer.from(text, "base64url");
  if (value.length !== bytes || value.toString("base64url") !== text) {
    throw new WireError(`field ${name} is not ${bytes} bytes in base64url`);
  }
  return value;
}

/** The highest TCP port. */
export const maxPort = 65_535;
