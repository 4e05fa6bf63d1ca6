import type { Detail, StopReason } from './actor.ts';
import type { Envelope } from './mailbox.ts';

/** What an incarnation tells the cell that owns it. */
export interface IncarnationEvents {
  /** One delivered message was handled; the next may come. */
  onProcessed(): void;
  /** The incarnation failed; it takes no more messages. Called at most once. */
  onFailed(error: Error): void;
  onReport(detail: Detail): void;
}

/** One life of an actor, wherever it runs. The interface hides whether there is a thread at all. */
export interface Incarnation {
  /** Messages it may hold unprocessed. */
  readonly window: number;
  /** Native calls in flight. */
  native(): number;
  deliver(envelope: Envelope): void;
  /** Messages delivered but never begun; the caller puts them back into the mailbox. Call after a failure. */
  reclaim(): readonly Envelope[];
  /**
   * Ends it: co-operatively within `timeoutMs`, by force after that where force is safe. Resolves when it is over;
   * `forced` says that it did not end by itself. Never rejects.
   */
  stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }>;
}

export const NO_ENVELOPES: readonly Envelope[] = [];
