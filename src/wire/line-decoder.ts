import { WireError } from "./wire-error.ts";

const newline = 0x0a;

/** Cuts a byte stream into lines of at most `max` bytes (without the newline); a longer one is a WireError. */
export class LineDecoder {
  readonly #max: number;
  readonly #onLine: (line: string) => void;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(max: number, onLine: (line: string) => void) {
    this.#max = max;
    this.#onLine = onLine;
  }

  write(chunk: Buffer): void {
    let at = 0;
    for (let end = chunk.indexOf(newline, at); end >= 0; end = chunk.indexOf(newline, at)) {
      this.#keep(chunk.subarray(at, end));
      const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
      this.#parts = [];
      this.#held = 0;
      at = end + 1;
      this.#onLine(line.toString("utf8"));
    }
    if (at < chunk.length) this.#keep(Buffer.from(chunk.subarray(at)));
  }

  #keep(part: Buffer): void {
    this.#held += part.length;
    if (this.#held > this.#max) throw new WireError(`a line is longer than ${this.#max} bytes`);
    this.#parts.push(part);
    // Bytes that trickle in one by one must not cost a list entry each.
    if (this.#parts.length > 64) this.#parts = [Buffer.concat(this.#parts)];
  }
}
