import type { FrameFromWorker, FromWorker } from '../from-worker.ts';
import { Outbox } from '../outbox.ts';

/** The worker's side: answers, and how many messages were handled. */
export class WorkerOutbox extends Outbox<FromWorker, FrameFromWorker> {
  #replies: unknown[] | 0 = 0;
  #processed = 0;
  #busyMs = 0;

  reply(seq: number, value: unknown): void {
    if (this.#replies === 0) this.#replies = [seq, value];
    else this.#replies.push(seq, value);
    this.wake();
  }

  processed(count: number, busyMs: number): void {
    this.#processed += count;
    this.#busyMs = busyMs;
    this.wake();
  }

  protected takeFrame(): FrameFromWorker {
    const frame: FrameFromWorker = [this.items, this.#processed, this.#busyMs, this.#replies];
    this.#replies = 0;
    this.#processed = 0;
    return frame;
  }
}
