import type { Release, ReleaseChanges, ReleaseOutcome } from '../messages/release.ts';

/** The ways to judge at this moment. */
export interface InForce {
  /** The changes of all promoted releases, later ones over earlier ones: the present way. */
  readonly present: ReleaseChanges;
  /** Null while none runs: there is one at most. */
  readonly running: Release | null;
}

/** The releases as every process holds them in memory, also while NATS is away. */
export interface ReleasesInForce {
  readonly now: InForce;
  /** Called after each change, also one by another node. Returns the way to stop listening. */
  onChange(listener: (now: InForce) => void): () => void;
}

/** Takes outcomes to the stream. Never throws or waits: one that can't be stored is counted and dropped. */
export interface ReleaseOutcomes {
  tell(outcome: ReleaseOutcome): void;
}
