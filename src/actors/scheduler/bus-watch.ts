import type { ActorLog } from '../../runtime/actor.ts';

/** Whether tasks can be fetched, said once when that changes. */
export class BusWatch {
  readonly #log: ActorLog;
  #failedAt: number | null = null;

  constructor(log: ActorLog) {
    this.#log = log;
  }

  get ok(): boolean {
    return this.#failedAt === null;
  }

  /**
   * A fetch that began then brought something, or nothing. One that began before the failure says nothing about now.
   */
  fetched(begunAt: number): void {
    if (this.#failedAt === null || begunAt < this.#failedAt) return;
    this.#log.info({}, 'assessment tasks can be fetched again');
    this.#failedAt = null;
  }

  failed(error: Error, now: number): void {
    if (this.#failedAt === null)
      this.#log.warn({ err: error }, 'assessment tasks cannot be fetched now; trying again until NATS is back');
    this.#failedAt = now;
  }
}
