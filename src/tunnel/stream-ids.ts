/** The numbers of one side's streams: odd ones of the client, even ones of the agent, never 0. */
export class StreamIds {
  readonly #first: 1 | 2;
  #next: number;

  constructor(role: "client" | "agent") {
    this.#first = role === "client" ? 1 : 2;
    this.#next = this.#first;
  }

  owns(id: number): boolean {
    return id % 2 === this.#first % 2;
  }

  /** Numbers are used again after 2^31 streams, when nothing of their first use can be under way any more. */
  take(inUse: (id: number) => boolean): number {
    while (inUse(this.#next)) this.#advance();
    const id = this.#next;
    this.#advance();
    return id;
  }

  #advance(): void {
    this.#next = this.#next >= 0xffff_fffe ? this.#first : this.#next + 2;
  }
}
