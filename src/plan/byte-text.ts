const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** An undecodable byte b (always 128 or more) is the lone surrogate with this number plus b. */
const escapeBase = 0xdc00;

/**
 * Bytes as text that gives the same bytes again: UTF-8, with each byte that is not part of any as a lone surrogate
 * U+DC80 to U+DCFF (Python's "surrogateescape", PEP 383).
 */
export function bytesToText(bytes: Uint8Array): string {
  const whole = decode(bytes);
  if (whole !== undefined) return whole;
  const parts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes[at] ?? 0);
    const decoded = at + length > bytes.length ? undefined : decode(bytes.subarray(at, at + length));
    parts.push(decoded ?? String.fromCharCode(escapeBase + (bytes[at] ?? 0)));
    at += decoded === undefined ? 1 : length;
  }
  return parts.join("");
}

/** The bytes of text that `bytesToText` made; of any other text, its UTF-8. */
export function textToBytes(text: string): Uint8Array {
  const parts = text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/);
  const bytes = parts.map((part, index) =>
    index % 2 === 0 ? encoder.encode(part) : Uint8Array.of(part.charCodeAt(0) - escapeBase),
  );
  return Buffer.concat(bytes);
}

/** Whether the text stands for bytes that are not UTF-8: Node cannot pass such a value to a child as it is. */
export function isEscaped(text: string): boolean {
  return !text.isWellFormed();
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
