/**
 * A frame of the tunnel: `type` (1 byte), length of the payload (3 bytes), stream (4 bytes), payload; big-endian.
 * Stream 0 is the tunnel itself. The client's streams have odd numbers, the agent's even ones.
 */
export const headerBytes = 8;

/** Payload of one data frame at most; the largest of all frames. */
export const maxPayload = 65_536;

/** Payload of an open frame at most: the JSON of a StreamOpen. */
export const maxOpenBytes = 4_096;

/** UTF-8 bytes of the reason in a goodbye at most. */
export const maxReasonBytes = 1_024;

/** Credit that each stream has before the first word of its receiver, in bytes each way. */
export const baseWindow = 8_192;

/** No sender may hold more credit than this, in bytes. */
export const maxCredit = 0x7fff_ffff;

export const frameType = {
  /** New stream; payload: StreamOpen as JSON. */
  open: 1,
  data: 2,
  /** The sender writes no more on this stream. */
  end: 3,
  /** The stream is dead both ways; payload: code (4 bytes). */
  reset: 4,
  /** More credit; payload: bytes (4 bytes). */
  window: 5,
  /** The sender has stopped for want of credit. */
  blocked: 6,
  /** Payload: 8 bytes that the pong repeats. */
  ping: 7,
  pong: 8,
  /** Once, first: credit that each stream of the other side starts with (4 bytes). */
  settings: 9,
  /** The tunnel is closed; payload: reason as UTF-8. */
  goodbye: 10,
} as const;

/** Smallest and largest payload by type. What a later version appends to a small frame is ignored up to 64 bytes. */
const bounds: readonly (readonly [min: number, max: number] | undefined)[] = [
  undefined,
  [2, maxOpenBytes],
  [1, maxPayload],
  [0, 64],
  [4, 64],
  [4, 64],
  [0, 64],
  [8, 64],
  [8, 64],
  [4, 64],
  [0, maxReasonBytes],
];

/** Bounds of the payload's length; undefined for a type that this version does not know. */
export function payloadBounds(type: number): readonly [min: number, max: number] | undefined {
  return bounds[type];
}

/** Writes a header at `at`; the caller has made room for `headerBytes`. */
export function writeHeader(target: Uint8Array, at: number, type: number, length: number, stream: number): void {
  target[at] = type;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  target[at + 4] = stream >>> 24;
  target[at + 5] = stream >>> 16;
  target[at + 6] = stream >>> 8;
  target[at + 7] = stream;
}

/** A whole frame as bytes of its own, for tests and for frames that are rare. */
export function encodeFrame(type: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  writeHeader(frame, 0, type, payload.length, stream);
  frame.set(payload, headerBytes);
  return frame;
}
