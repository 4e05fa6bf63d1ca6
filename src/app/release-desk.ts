import { auditEntry } from '../infra/audit-entry.ts';
import type { Bus, StoredMessage } from '../infra/bus.ts';
import { outcomeId } from '../infra/outcome-sender.ts';
import type { AuditEntry, AuditNote } from '../messages/audit.ts';
import { type Release, ReleaseOutcome } from '../messages/release.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { type Figures, ReleaseFigures } from '../releases/release-figures.ts';
import { brokenLimit } from '../releases/release-limits.ts';
import { MOST_RELEASES, type ReleaseBook } from '../releases/release-book.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

export interface ReleaseDeskOptions {
  readonly bus: Pick<Bus, 'follow'>;
  readonly book: Pick<ReleaseBook, 'now' | 'get' | 'list' | 'onChange' | 'rollBackRunning'>;
  readonly audit: { readonly record: (entry: AuditEntry) => void };
  readonly clock: Clock;
  readonly log: ActorLog;
}

interface Known {
  /** Of the release whose outcomes these are; null while the release itself is not known here. */
  createdAt: string | null;
  readonly figures: ReleaseFigures;
}

interface Failure {
  /** Of the release. */
  readonly createdAt: string;
  readonly reason: string;
}

/** The author of rollbacks without a person. */
export const SYSTEM = 'system';
/** Outcomes that are remembered, so that one that comes again counts once. */
const MOST_REMEMBERED = 20_000;
/** Clocks of nodes differ by less. Older outcomes are of an earlier release of the same id. */
const CLOCKS_MS = 60_000;
const NOTICE_MS = 24 * 3_600_000;
/** A rollback for a failed detector that was refused, e.g. as NATS is away, is tried again after so long. */
const TRY_AGAIN_MS = 5_000;
/** As long as the release itself may not be known here: judgements before its limits count. */
const BLOCK_SIZE = 50;

/**
 * The figures of all releases, from the beginning of the stream of their outcomes, on each node with the role `web`.
 * The first of them that sees a limit of the running release broken, or a detector that a node can't load, rolls the
 * release back.
 */
export class ReleaseDesk {
  readonly #options: ReleaseDeskOptions;
  readonly #stop = new AbortController();
  readonly #known = new Map<string, Known>();
  readonly #counted = new Set<string>();
  /** Why releases can't be in force everywhere, by their ids; also of those that are not known here yet. */
  readonly #failures = new Map<string, Failure>();
  readonly #unlisten: () => void;
  #rollingBack = false;
  #tryingAgain: TimerHandle | null = null;

  constructor(options: ReleaseDeskOptions) {
    this.#options = options;
    this.#unlisten = options.book.onChange(() => this.#watchFailure());
    options.bus.follow({
      stream: streams.releaseOutcomes,
      filter: subjects.releaseOutcomes,
      parser: ReleaseOutcome,
      from: { seq: 1 },
      signal: this.#stop.signal,
      onMessage: (message) => this.#take(message),
      // The follower then reads the rest of the stream.
      onReset: () => {
        this.#known.clear();
        this.#counted.clear();
      },
    });
  }

  close(): void {
    this.#stop.abort();
    this.#unlisten();
    if (this.#tryingAgain !== null) this.#options.clock.clearTimeout(this.#tryingAgain);
  }

  /** Those of a release without outcomes are all 0. */
  figures(releaseId: string): Figures {
    const createdAt = this.#options.book.get(releaseId)?.createdAt ?? null;
    const known = this.#known.get(releaseId);
    const isAnother = known === undefined || (known.createdAt !== null && known.createdAt !== createdAt);
    return (isAnother ? new ReleaseFigures() : known.figures).view();
  }

  #take({ body, storedAt }: StoredMessage<ReleaseOutcome>): void {
    if (body.type === 'detector-failed') return this.#noteFailure(body);
    const release = this.#options.book.get(body.releaseId);
    if (release !== null && storedAt < Date.parse(release.createdAt) - CLOCKS_MS) return;
    if (!this.#isNew(body)) return;
    const { figures } = this.#knownOf(body.releaseId, release);
    figures.add(body, release?.limits.minAnswers ?? BLOCK_SIZE);
    // Outcomes before the last change were within the limits of their time.
    if (release?.state === 'running' && storedAt >= Date.parse(release.changedAt)) this.#watch(release, figures);
  }

  #isNew(outcome: ReleaseOutcome): boolean {
    const id = outcomeId(outcome);
    if (this.#counted.has(id)) return false;
    this.#counted.add(id);
    const [oldest] = this.#counted;
    if (this.#counted.size > MOST_REMEMBERED && oldest !== undefined) this.#counted.delete(oldest);
    return true;
  }

  #knownOf(releaseId: string, release: Release | null): Known {
    const known = this.#known.get(releaseId);
    const createdAt = release?.createdAt ?? null;
    if (known !== undefined && (createdAt === null || known.createdAt === null || known.createdAt === createdAt)) {
      known.createdAt ??= createdAt;
      return known;
    }
    if (this.#known.size >= MOST_RELEASES * 2) this.#forgetRemoved();
    const fresh: Known = { createdAt, figures: new ReleaseFigures() };
    this.#known.set(releaseId, fresh);
    return fresh;
  }

  /** Outcomes of removed releases are still in the stream. */
  #forgetRemoved(): void {
    for (const releaseId of this.#known.keys())
      if (this.#options.book.get(releaseId) === null) this.#known.delete(releaseId);
  }

  #watch({ releaseId, limits }: Release, figures: ReleaseFigures): void {
    const reason = brokenLimit(limits, figures);
    if (reason !== null) this.#beginRollback(releaseId, reason);
  }

  #noteFailure({ releaseId, createdAt, nodeId, detector, message }: DetectorFailed): void {
    const known = this.#failures.get(releaseId);
    if (known !== undefined && known.createdAt >= createdAt) return;
    this.#failures.delete(releaseId);
    this.#failures.set(releaseId, { createdAt, reason: `detector: ${detector} fails at node ${nodeId}: ${message}` });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > MOST_RELEASES * 2 && oldest !== undefined) this.#failures.delete(oldest);
    this.#watchFailure();
  }

  #watchFailure(): void {
    const { running } = this.#options.book.now;
    if (running === null) return;
    const failure = this.#failures.get(running.releaseId);
    if (failure?.createdAt === running.createdAt) this.#beginRollback(running.releaseId, failure.reason);
  }

  #beginRollback(releaseId: string, reason: string): void {
    if (this.#rollingBack) return;
    this.#rollingBack = true;
    void this.#rollBack(releaseId, reason).finally(() => {
      this.#rollingBack = false;
    });
  }

  /** Never rejects: while NATS is away, the next outcome tries again, and a failed detector by itself. */
  async #rollBack(releaseId: string, reason: string): Promise<void> {
    const { book, audit, clock, log } = this.#options;
    try {
      const { before, after } = await book.rollBackRunning(releaseId, reason, { by: SYSTEM, at: clock.now() });
      // Another node, or a person, was faster.
      if (before === after) return;
      log.warn({ releaseId, reason }, `the release ${releaseId} is rolled back: ${reason}`);
      const actor = { who: SYSTEM, role: null, via: 'system', address: 'local' } as const;
      audit.record(auditEntry(actor, rollbackNote(before, after), clock.now()));
    } catch (thrown) {
      const err = asError(thrown).message;
      log.warn({ releaseId, reason, err }, `the release ${releaseId} cannot be rolled back now: ${err}`);
      this.#tryAgainLater();
    }
  }

  #tryAgainLater(): void {
    if (this.#tryingAgain !== null || this.#stop.signal.aborted) return;
    this.#tryingAgain = this.#options.clock.setTimeout(() => {
      this.#tryingAgain = null;
      this.#watchFailure();
    }, TRY_AGAIN_MS);
  }
}

type DetectorFailed = Extract<ReleaseOutcome, { type: 'detector-failed' }>;

const rollbackNote = (before: Release, after: Release): AuditNote => ({
  action: 'release.rollback',
  target: after.releaseId,
  before: { state: before.state },
  after: { state: after.state, reason: after.reason },
});

/** For health: a release that went back by itself in the last day. Pure. */
export const releaseNotices = (releases: readonly Release[], now: number): readonly string[] =>
  releases
    .filter(
      ({ state, changedBy, changedAt }) =>
        state === 'rolled-back' && changedBy === SYSTEM && now - Date.parse(changedAt) < NOTICE_MS,
    )
    .slice(0, 3)
    .map(({ releaseId, reason }) => `the release ${releaseId} was rolled back by itself: ${reason ?? ''}`);
