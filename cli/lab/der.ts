/**
 * Just enough of DER (ITU-T X.690) to write certificates. Node can read certificates but not make them, and a call of
 * the openssl program for each would need the program and take longer than the whole set takes here.
 */

/** Tag numbers of X.690 and, from `context`, of the structures that use them. */
export const tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag, length, content. */
export function element(number: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([number]), length(body.length), body]);
}

function length(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size]);
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

/** A constructed SEQUENCE. */
export function sequence(...content: readonly Buffer[]): Buffer {
  return element(tag.sequence, ...content);
}

/** A context-specific constructed element, `[number]`. */
export function explicit(number: number, ...content: readonly Buffer[]): Buffer {
  return element(0xa0 | number, ...content);
}

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  // A set top bit would make it negative.
  return element(tag.integer, ...((trimmed[0] ?? 0) & 0x80 ? [Buffer.from([0]), trimmed] : [trimmed]));
}

/** TRUE; DER has one spelling of it. */
export const truth = Buffer.from([0x01, 0x01, 0xff]);

/** A BIT STRING; `unused` bits at its end do not count. */
export function bitString(bytes: Buffer, unused = 0): Buffer {
  return element(tag.bitString, Buffer.from([unused]), bytes);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f));
    bytes.push(...groups);
  }
  return element(tag.objectIdentifier, Buffer.from(bytes));
}

/** A point in time as certificates want it: two-digit years until 2049, four digits from 2050 (RFC 5280, 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/[-:T]|\.\d+/g, "");
  return at.getUTCFullYear() < 2050
    ? element(tag.utcTime, Buffer.from(digits.slice(2)))
    : element(tag.generalizedTime, Buffer.from(digits));
}
