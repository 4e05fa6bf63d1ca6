import type { Outcome } from '../../infra/stage-processor.ts';
import type { RequestId } from '../../messages/ids.ts';

/** The messages whose frame is not settled: each gets its outcome together with all others of its frame. */
export class UnsettledFrames {
  readonly #waiting = new Map<RequestId, ((outcome: Outcome) => void)[]>();

  /** Resolves with the outcome of the frame. */
  outcome(requestId: RequestId): Promise<Outcome> {
    return new Promise((resolve) => {
      const others = this.#waiting.get(requestId);
      if (others === undefined) this.#waiting.set(requestId, [resolve]);
      else others.push(resolve);
    });
  }

  settle(requestId: RequestId, outcome: Outcome): void {
    for (const resolve of this.#waiting.get(requestId) ?? []) resolve(outcome);
    this.#waiting.delete(requestId);
  }
}
