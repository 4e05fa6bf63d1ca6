import type { StopReason } from './actor.ts';
import type { Envelope } from './mailbox.ts';

/** One life of an actor as its cell sees it. The interface hides whether there is a thread or a process at all. */
export interface Incarnation {
  /** Messages it may hold unprocessed. */
  readonly window: number;
  /** Native calls in flight. */
  nativeInFlight(): number;
  /** Milliseconds spent handling so far. */
  busyMs(): number;
  deliver(envelope: Envelope): void;
  /** All of this slice was delivered: what was gathered goes out now. */
  flush(): void;
  /** Messages delivered but never begun: the caller's again. What was begun is answered as failed. Call after the end. */
  reclaim(): readonly Envelope[];
  /**
   * Ends it: co-operatively within `timeoutMs`, by force after that where force is safe. Resolves when it is over;
   * `forced` says that it did not end by itself. Never rejects.
   */
  stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }>;
}
