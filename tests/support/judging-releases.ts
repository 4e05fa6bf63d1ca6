import { Release, type ReleaseChanges } from '../../src/messages/release.ts';
import type { InForce, ReleasesInForce } from '../../src/releases/releases.types.ts';

/** A release that runs by group, with a share of all of them and a budget that is hardly ever spent. */
export const runningRelease = (changes: ReleaseChanges, more: Partial<Release> = {}): Release =>
  Release.parse({
    releaseId: 'next',
    changes,
    mode: 'share',
    by: 'group',
    percent: 100,
    budget: { callsPerMinute: 1_000 },
    limits: {},
    state: 'running',
    reason: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    createdBy: 'ann',
    changedAt: '2026-01-01T00:00:00.000Z',
    changedBy: 'ann',
    ...more,
  });

/** Releases in force that a test changes by hand. */
export class HandReleases implements ReleasesInForce {
  now: InForce;
  readonly #listeners = new Set<(now: InForce) => void>();

  constructor(running: Release | null = null, present: ReleaseChanges = {}) {
    this.now = { present, running };
  }

  set(running: Release | null, present: ReleaseChanges = {}): void {
    this.now = { present, running };
    for (const listener of this.#listeners) listener(this.now);
  }

  onChange(listener: (now: InForce) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
