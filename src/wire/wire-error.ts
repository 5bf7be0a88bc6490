/** The other side broke the protocol: what arrived cannot be read or was not allowed. The connection ends with it. */
export class WireError extends Error {
  override readonly name = "WireError";
}
