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

export function optionalBooleanField(fields: Fields, name: string): boolean | undefined {
  return fields[name] === undefined ? undefined : booleanField(fields, name);
}

/** One of a few words; undefined where the field is missing. */
export function optionalChoiceField<T extends string>(
  fields: Fields,
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new WireError(`field ${name} is none of ${choices.join(", ")}`);
  return choice;
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

/** A list of at most `max` values, each read by `read`. */
export function listField<T>(fields: Fields, name: string, max: number, read: (item: Fields) => T): T[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > max) throw new WireError(`field ${name} is no list of at most ${max}`);
  return value.map((_, index) => read(objectField(value as unknown as Fields, String(index))));
}

/** A list of at most `max` strings of at most `longest` UTF-16 units. */
export function stringListField(fields: Fields, name: string, max: number, longest: number): string[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > max) throw new WireError(`field ${name} is no list of at most ${max}`);
  return value.map((_, index) => stringField(value as unknown as Fields, String(index), longest));
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
