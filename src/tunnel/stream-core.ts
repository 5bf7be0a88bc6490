import { frameType, maxCredit, maxPayload } from "../wire/frame.ts";
import type { StreamOpen } from "../wire/stream-open.ts";
import { WireError } from "../wire/wire-error.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Outbox } from "./outbox.ts";
import type { StreamEnd } from "./stream-end.ts";
import type { MuxStream, StreamEars } from "./stream.ts";
import type { WindowBudget } from "./window.ts";

/** What a stream needs of its Mux. */
export interface StreamHost {
  readonly outbox: Outbox;
  readonly budget: WindowBudget;
  /** Payload bytes of all streams. */
  sent: number;
  /** Whether what arrives is valid only until the call returns. */
  readonly borrows: boolean;
  /** Whether streams wait for room in the transport: then nobody overtakes them. */
  readonly crowded: boolean;
  /** The stream has bytes queued and credit for them. */
  enqueue(stream: StreamCore): void;
  /** The stream's writer waits, and could go on as far as the stream is concerned. */
  awaitTurn(stream: StreamCore): void;
  forget(stream: StreamCore): void;
}

/** A writer is asked for more only with at least this much credit, so that little is read that cannot be sent. */
const lowCredit = 4_096;
/** Bytes that one stream may send before the next one has its turn. */
const quantum = 16_384;

/** A stream as the Mux sees it; 10,000 idle ones must be cheap, so queues exist only while they hold something. */
export class StreamCore implements MuxStream {
  readonly id: number;
  readonly open: StreamOpen;
  received = 0;
  sent = 0;
  closed: StreamEnd | undefined;
  /** In the Mux's queue of streams with bytes to send. */
  queued = false;
  /** In the Mux's queue of writers to be woken. */
  waiting = false;
  readonly #host: StreamHost;
  #ears: StreamEars | undefined;
  #credit: number;
  #outgoing: ByteQueue | undefined;
  #wantsDrain = false;
  #saidBlocked = false;
  #ending = false;
  #endSent = false;
  #window: number;
  /** Delivered or kept, not consumed. */
  #held = 0;
  /** Consumed, not returned as credit. */
  #owed = 0;
  #peerBlocked = false;
  #peerEnded = false;
  /** What came before `attach`. */
  #early: Buffer[] | undefined;

  constructor(host: StreamHost, id: number, open: StreamOpen, credit: number, window: number) {
    this.#host = host;
    this.id = id;
    this.open = open;
    this.#credit = credit;
    this.#window = window;
  }

  attach(ears: StreamEars): void {
    if (this.#ears !== undefined) throw new Error("a stream has one holder");
    this.#ears = ears;
    const closedBefore = this.closed;
    const early = closedBefore === undefined || closedBefore.how === "finished" ? this.#early : undefined;
    this.#early = undefined;
    for (const bytes of early ?? []) if (this.closed === closedBefore) ears.onData(bytes);
    if (this.#peerEnded && this.closed === closedBefore) ears.onEnd();
    if (closedBefore !== undefined) ears.onClose(closedBefore);
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed !== undefined || bytes.length === 0) return true;
    if (this.#ending) throw new Error("write after end");
    this.sent += bytes.length;
    this.#host.sent += bytes.length;
    const { outbox } = this.#host;
    let at = 0;
    if (this.#outgoing === undefined && !this.#host.crowded) {
      while (at < bytes.length && this.#credit > 0 && outbox.hasRoom) {
        const to = Math.min(bytes.length, at + this.#credit, at + maxPayload);
        outbox.add(frameType.data, this.id, bytes, at, to);
        this.#credit -= to - at;
        at = to;
      }
    }
    if (at < bytes.length) this.#keep(at === 0 ? bytes : bytes.subarray(at));
    if (this.#outgoing === undefined && this.#credit >= lowCredit && outbox.hasRoom && !this.#host.crowded) return true;
    this.#wantsDrain = true;
    this.#askForTurn();
    return false;
  }

  end(): void {
    if (this.#ending || this.closed !== undefined) return;
    this.#ending = true;
    this.#wantsDrain = false;
    this.#sendEnd();
  }

  reset(code: number): void {
    if (this.closed !== undefined) return;
    this.#host.outbox.addNumber(frameType.reset, this.id, code);
    this.close({ how: "reset", by: "us", code });
  }

  consumed(count: number): void {
    if (this.closed !== undefined) return;
    if (count > this.#held) throw new RangeError("more bytes consumed than delivered");
    this.#held -= count;
    this.#owed += count;
    this.#replenish();
  }

  /** Credit that the sender has beyond the other side's initial one; for a stream that we open, at once. */
  grant(bytes: number): void {
    if (bytes > 0) this.#host.outbox.addNumber(frameType.window, this.id, bytes);
  }

  /** Sends what is queued, one turn's worth; true when there is more that could be sent. */
  pump(): boolean {
    const queue = this.#outgoing;
    if (queue === undefined) return false;
    const count = Math.min(queue.length, this.#credit, quantum);
    if (count > 0) {
      this.#host.outbox.addFrom(frameType.data, this.id, queue, count);
      this.#credit -= count;
    }
    if (queue.length === 0) {
      this.#outgoing = undefined;
      this.#sendEnd();
    }
    this.#askForTurn();
    return this.#outgoing !== undefined && this.#credit > 0;
  }

  /** The Mux gives the waiting writer its turn. */
  wake(): void {
    if (!this.#wantsDrain || this.closed !== undefined) return;
    this.#wantsDrain = false;
    this.#ears?.onDrain();
  }

  onData(bytes: Buffer): void {
    if (this.#peerEnded) throw new WireError(`stream ${this.id}: data after its end`);
    this.#held += bytes.length;
    if (this.#held + this.#owed > this.#window) throw new WireError(`stream ${this.id}: more data than credit`);
    this.received += bytes.length;
    const ears = this.#ears;
    if (this.#host.borrows && ears?.onBorrowed !== undefined) ears.onBorrowed(bytes);
    else {
      const kept = this.#host.borrows ? Buffer.from(bytes) : bytes;
      if (ears === undefined) (this.#early ??= []).push(kept);
      else ears.onData(kept);
    }
  }

  onPeerEnd(): void {
    if (this.#peerEnded) throw new WireError(`stream ${this.id}: a second end`);
    this.#peerEnded = true;
    this.#ears?.onEnd();
    this.#finishIfDone();
  }

  onPeerReset(code: number): void {
    this.close({ how: "reset", by: "peer", code });
  }

  onCredit(bytes: number): void {
    if (this.#credit + bytes > maxCredit) throw new WireError(`stream ${this.id}: too much credit`);
    this.#credit += bytes;
    if (bytes > 0) this.#saidBlocked = false;
    if (this.#outgoing !== undefined) this.#host.enqueue(this);
    else this.#askForTurn();
  }

  onPeerBlocked(): void {
    this.#peerBlocked = true;
    this.#replenish();
  }

  close(end: StreamEnd): void {
    if (this.closed !== undefined) return;
    this.closed = end;
    this.#outgoing = undefined;
    this.#host.budget.release(this.#window);
    this.#host.forget(this);
    this.#ears?.onClose(end);
  }

  #keep(bytes: Uint8Array): void {
    (this.#outgoing ??= new ByteQueue()).push(bytes);
    if (this.#credit > 0) this.#host.enqueue(this);
  }

  /** Says blocked, or asks to be woken, as the credit allows. */
  #askForTurn(): void {
    if (this.#credit < lowCredit && (this.#wantsDrain || this.#outgoing !== undefined)) {
      if (!this.#saidBlocked) this.#host.outbox.addEmpty(frameType.blocked, this.id);
      this.#saidBlocked = true;
    } else if (this.#wantsDrain && this.#outgoing === undefined) this.#host.awaitTurn(this);
  }

  #sendEnd(): void {
    if (!this.#ending || this.#endSent || this.#outgoing !== undefined) return;
    this.#endSent = true;
    this.#host.outbox.addEmpty(frameType.end, this.id);
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#endSent && this.#peerEnded) this.close({ how: "finished" });
  }

  #replenish(): void {
    if (this.#peerEnded) return;
    if (this.#peerBlocked && this.#held === 0) {
      this.#peerBlocked = false;
      const window = this.#host.budget.grown(this.#window);
      this.#owed += window - this.#window;
      this.#window = window;
    } else if (this.#owed < this.#window / 2) return;
    if (this.#owed === 0) return;
    this.grant(this.#owed);
    this.#owed = 0;
  }
}
