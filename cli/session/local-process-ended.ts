/** The command ended before the traffic moved: nothing was swapped, and its status is ours. */
export class LocalProcessEnded extends Error {
  override readonly name = "LocalProcessEnded";
  readonly status: number;

  constructor(status: number) {
    super(`the command ended with status ${status} before it took over any traffic; nothing was swapped`);
    this.status = status;
  }
}
