/** New blocks behind the first are at least this large, so that small writes share one. */
const blockBytes = 16_384;

interface Block {
  bytes: Buffer;
  from: number;
  to: number;
}

/** Bytes waiting their turn, copied on entry: memory follows the bytes held, not the number of writes. */
export class ByteQueue {
  #blocks: Block[] = [];
  #head = 0;
  length = 0;

  push(bytes: Uint8Array): void {
    let at = 0;
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#blocks.length > this.#head) {
      at = Math.min(bytes.length, last.bytes.length - last.to);
      last.bytes.set(at === bytes.length ? bytes : bytes.subarray(0, at), last.to);
      last.to += at;
    }
    const rest = bytes.length - at;
    if (rest > 0) {
      // The first block fits exactly: most queues never hold a second write.
      const block = Buffer.allocUnsafeSlow(this.length === 0 ? rest : Math.max(rest, blockBytes));
      block.set(at === 0 ? bytes : bytes.subarray(at));
      this.#blocks.push({ bytes: block, from: 0, to: rest });
    }
    this.length += bytes.length;
  }

  /** Moves `count` bytes (at most `length`) to `target` at `at`. */
  moveTo(target: Buffer, at: number, count: number): void {
    let missing = count;
    while (missing > 0) {
      const part = this.#shiftPart(missing);
      target.set(part, at);
      at += part.length;
      missing -= part.length;
    }
  }

  /** Removes and returns at most `max` bytes that lie together; undefined when the queue is empty. */
  shift(max: number = Infinity): Buffer | undefined {
    return this.length === 0 ? undefined : this.#shiftPart(max);
  }

  #shiftPart(max: number): Buffer {
    const block = this.#blocks[this.#head];
    if (block === undefined) throw new RangeError("the queue holds fewer bytes than were asked for");
    const count = Math.min(max, block.to - block.from);
    const part = block.bytes.subarray(block.from, block.from + count);
    block.from += count;
    this.length -= count;
    if (block.from === block.to) this.#drop();
    return part;
  }

  #drop(): void {
    this.#head += 1;
    if (this.#head === this.#blocks.length) {
      this.#blocks = [];
      this.#head = 0;
    } else if (this.#head > 64) {
      this.#blocks = this.#blocks.slice(this.#head);
      this.#head = 0;
    }
  }
}
