/** Size of a block: as much as one read of a socket brings. */
export const blockBytes = 65_536;

const sparesKept = 16;
const spares: Buffer[] = [];

/** A block of 64 KiB outside the garbage collector's way: the caller gives it back when its bytes are written. */
export function takeBlock(): Buffer {
  return spares.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

export function giveBlock(block: Buffer): void {
  if (spares.length < sparesKept) spares.push(block);
}
