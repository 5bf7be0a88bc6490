/** What sshfs asks for in one read, with the packet's head. */
const blockBytes = 65_536 + 64;
const sparesKept = 16;
const spares: Buffer[] = [];

/** A block of at least `bytes`. Reads come in such numbers that leaving them to the garbage collector costs half the speed. */
export function takeBlock(bytes: number): Buffer {
  if (bytes > blockBytes) return Buffer.allocUnsafeSlow(bytes);
  return spares.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

export function giveBlock(block: Buffer): void {
  if (block.length === blockBytes && spares.length < sparesKept) spares.push(block);
}
