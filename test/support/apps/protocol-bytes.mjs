/** N bytes that differ from block to block, so that a lost, doubled or swapped one shows. */
export function* pattern(count) {
  for (let at = 0; at < count; at += 65_536) {
    const block = Buffer.alloc(Math.min(65_536, count - at), at & 0xff);
    for (let i = 0; i + 8 <= block.length; i += 512) block.writeBigUInt64LE(BigInt(at + i), i);
    yield block;
  }
}
