/** The release of both sides; `test/unit/version.test.ts` holds it against package.json. */
export const version = "0.1.0";

/**
 * The tunnel protocol that both sides speak. A side refuses another number with a sentence that names both; fields are
 * added without a new number, meanings never change under the same one.
 */
export const protocolVersion = 1;
