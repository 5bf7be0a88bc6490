import { Fifo } from "./fifo.ts";
import type { Outbox } from "./outbox.ts";
import type { StreamCore } from "./stream-core.ts";

/** Writers woken in one turn of the event loop at most: each may bring a full read buffer. */
const wakesAtOnce = 32;

/**
 * Who may send when there is more than the transport takes: streams with bytes queued send a quantum each, round and
 * round; when none is left, writers that wait are woken in the order in which they began to wait.
 */
export class Turns {
  readonly #outbox: Outbox;
  readonly #senders = new Fifo<StreamCore>();
  readonly #writers = new Fifo<StreamCore>();
  #scheduled = false;
  #taking = false;
  #stopped = false;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  get crowded(): boolean {
    return this.#senders.length > 0;
  }

  enqueue(stream: StreamCore): void {
    if (stream.queued) return;
    stream.queued = true;
    this.#senders.push(stream);
    this.#schedule();
  }

  awaitTurn(stream: StreamCore): void {
    if (stream.waiting) return;
    stream.waiting = true;
    this.#writers.push(stream);
    this.#schedule();
  }

  /** Sends and wakes as far as the transport has room. */
  take(): void {
    if (this.#taking || this.#stopped) return;
    this.#taking = true;
    this.#send();
    this.#wake();
    this.#taking = false;
    if ((this.crowded || this.#writers.length > 0) && this.#outbox.hasRoom && !this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#scheduledTake());
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Not at once: a stream asks from within its writer's call. */
  #schedule(): void {
    if (this.#scheduled || this.#taking || !this.#outbox.hasRoom) return;
    this.#scheduled = true;
    process.nextTick(() => this.#scheduledTake());
  }

  #scheduledTake(): void {
    this.#scheduled = false;
    this.take();
  }

  #send(): void {
    while (this.#outbox.hasRoom) {
      const stream = this.#senders.shift();
      if (stream === undefined) return;
      if (stream.pump()) this.#senders.push(stream);
      else stream.queued = false;
    }
  }

  #wake(): void {
    for (let woken = 0; woken < wakesAtOnce; woken += 1) {
      if (this.crowded || !this.#outbox.hasRoom) return;
      const stream = this.#writers.shift();
      if (stream === undefined) return;
      stream.waiting = false;
      stream.wake();
    }
  }
}
