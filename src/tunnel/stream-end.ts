/** Why a stream was reset: sent as a number, so meanings never change; unknown ones are passed on as they are. */
export const resetCode = {
  /** The one side has no more use for it. */
  cancelled: 1,
  /** Nobody there to take it: nothing listens. */
  refused: 2,
  /** A kind of stream that the other side does not know. */
  unsupported: 3,
  /** The TCP connection behind it was reset or failed. */
  connectionReset: 4,
  /** Too many streams, or held too long. */
  overloaded: 5,
  /** No way from the pod to that host: no route, or a filter says no. */
  unreachable: 6,
  /** No answer in time. */
  timedOut: 7,
  /** The pod's resolver does not know the host's name. */
  nameNotFound: 8,
} as const;

/** How a stream ended; there is no other way. */
export type StreamEnd =
  /** Both sides have written to their end. */
  | { how: "finished" }
  /** One side gave it up; bytes under way are lost. */
  | { how: "reset"; by: "us" | "peer"; code: number }
  /** The transport is gone, or the peer broke the protocol or was silent. */
  | { how: "gone"; error: Error }
  /** The tunnel was closed on purpose, here or there. */
  | { how: "closed"; by: "us" | "peer"; reason: string };

/** How the whole tunnel ended. */
export type MuxEnd = Extract<StreamEnd, { how: "gone" | "closed" }>;
