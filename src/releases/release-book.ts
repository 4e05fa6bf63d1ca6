import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Release, ReleaseId } from '../messages/release.ts';
import { byChange, inForce } from './in-force.ts';
import { ReleaseError } from './release-error.ts';
import type { InForce, ReleasesInForce } from './releases.types.ts';
import {
  type Change,
  patched,
  promoted,
  type ReleaseOrder,
  type ReleasePatch,
  rolledBack,
  started,
} from './transitions.ts';

/** Releases kept: the one that runs, promoted ones, and the newest that were rolled back. */
export const MOST_RELEASES = 50;
/** The key of the one {@link RunningSlot}. */
const SLOT = 'running';
/** A slot whose release was never written is free after this long. */
const SLOT_LIFE_MS = 10_000;

/** Names the release that runs, or is about to: two nodes that start one at the same moment write the same record. */
export const RunningSlot = z.object({ releaseId: ReleaseId, at: z.number() });
export type RunningSlot = z.infer<typeof RunningSlot>;

/** Records that all nodes share: a part of `WatchedBucket`. */
export interface ReleaseRecords<T> {
  readonly entries: ReadonlyMap<string, T>;
  fetch(key: string): Promise<T | null>;
  change(key: string, change: (known: T | null) => T | null): Promise<T | null>;
  onChange(listener: () => void): () => void;
}

/** A release before and after a change; the same object where nothing changed. */
export interface ReleaseChange {
  readonly before: Release;
  readonly after: Release;
}

/**
 * All releases, in memory on every node, and their changes, which hold on all nodes as soon as their watch tells them.
 * Changes reject with a {@link ReleaseError} when they are refused, and `BUS_DOWN`.
 */
export class ReleaseBook implements ReleasesInForce {
  readonly #records: ReleaseRecords<Release>;
  readonly #slots: ReleaseRecords<RunningSlot>;
  readonly #listeners = new Set<(now: InForce) => void>();
  readonly #unlisten: () => void;
  #now: InForce;

  constructor(records: ReleaseRecords<Release>, slots: ReleaseRecords<RunningSlot>) {
    this.#records = records;
    this.#slots = slots;
    this.#now = inForce(records.entries.values());
    this.#unlisten = records.onChange(() => this.#refresh());
  }

  get now(): InForce {
    return this.#now;
  }

  onChange(listener: (now: InForce) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#unlisten();
    this.#listeners.clear();
  }

  /** Newest change first. */
  list(): readonly Release[] {
    return [...this.#records.entries.values()].toSorted(byChange).toReversed();
  }

  get(releaseId: string): Release | null {
    return this.#records.entries.get(releaseId) ?? null;
  }

  /** The oldest of those rolled back makes room for it. `cameraIds`: all cameras, of `by: camera`. */
  async start(order: ReleaseOrder, cameraIds: readonly string[], change: Change): Promise<Release> {
    const { releaseId } = order;
    const exists = (): ReleaseError =>
      new ReleaseError('exists', releaseId, `there is a release ${releaseId} already: choose another id`);
    if ((await this.#records.fetch(releaseId)) !== null) throw exists();
    await this.#takeSlot(releaseId, change.at);
    await this.#makeRoom(releaseId);
    const release = started(order, cameraIds, change);
    await this.#records.change(releaseId, (known) => {
      if (known !== null) throw exists();
      return release;
    });
    return release;
  }

  patch(releaseId: string, patch: ReleasePatch, cameraIds: readonly string[], change: Change): Promise<ReleaseChange> {
    return this.#change(releaseId, (release) => patched(release, patch, cameraIds, change));
  }

  promote(releaseId: string, change: Change): Promise<ReleaseChange> {
    return this.#change(releaseId, (release) => promoted(release, change));
  }

  rollBack(releaseId: string, reason: string, change: Change): Promise<ReleaseChange> {
    return this.#change(releaseId, (release) => rolledBack(release, reason, change));
  }

  /** As `rollBack`, but leaves a release as it is that was promoted meanwhile. */
  rollBackRunning(releaseId: string, reason: string, change: Change): Promise<ReleaseChange> {
    return this.#change(releaseId, (release) =>
      release.state === 'running' ? rolledBack(release, reason, change) : release,
    );
  }

  /** The removed one, which had been rolled back. */
  async remove(releaseId: string): Promise<Release> {
    await this.#freeSlotOf(releaseId);
    let removed: Release | null = null;
    await this.#records.change(releaseId, (known) => {
      removed = known;
      if (known !== null && known.state !== 'rolled-back')
        throw new ReleaseError('in-use', releaseId, `the release ${releaseId} is ${known.state}: roll it back first`);
      return null;
    });
    if (removed === null) throw unknown(releaseId);
    return removed;
  }

  async #change(releaseId: string, next: (release: Release) => Release): Promise<ReleaseChange> {
    let before: Release | null = null;
    const after = await this.#records.change(releaseId, (known) => {
      before = known;
      if (known === null) throw unknown(releaseId);
      return next(known);
    });
    if (before === null || after === null) throw unknown(releaseId);
    return { before, after };
  }

  /** Rejects when another release runs, or is being started by another node. */
  async #takeSlot(releaseId: string, at: number): Promise<void> {
    const slot = await this.#slots.fetch(SLOT);
    if (slot !== null && (await this.#isTaken(slot, at))) throw running(slot.releaseId);
    await this.#slots.change(SLOT, (known) => {
      if (!isDeepStrictEqual(known, slot)) throw running(known?.releaseId ?? releaseId);
      return { releaseId, at };
    });
  }

  /**
   * Else its name would seem to be of a release that is about to be written. Before the record goes, so that neither a
   * lost connection leaves the place taken, nor a new start of the same id loses it.
   */
  async #freeSlotOf(releaseId: string): Promise<void> {
    const slot = await this.#slots.fetch(SLOT);
    if (slot?.releaseId !== releaseId || (await this.#records.fetch(releaseId))?.state !== 'rolled-back') return;
    await this.#slots.change(SLOT, (known) => (isDeepStrictEqual(known, slot) ? null : known));
  }

  async #isTaken(slot: RunningSlot, now: number): Promise<boolean> {
    const release = await this.#records.fetch(slot.releaseId);
    return release === null ? Math.abs(now - slot.at) < SLOT_LIFE_MS : release.state === 'running';
  }

  async #makeRoom(releaseId: string): Promise<void> {
    const others = this.list().toReversed();
    for (const old of others.slice(0, Math.max(0, others.length + 1 - MOST_RELEASES))) {
      const oldest = others.find((one) => one.state === 'rolled-back' && this.get(one.releaseId) !== null);
      if (oldest === undefined)
        throw new ReleaseError(
          'full',
          old.releaseId,
          `there are ${MOST_RELEASES} promoted releases: ${releaseId} has no room`,
        );
      await this.#records.change(oldest.releaseId, (known) => (known?.state === 'rolled-back' ? null : known));
    }
  }

  #refresh(): void {
    const now = inForce(this.#records.entries.values());
    if (isDeepStrictEqual(now, this.#now)) return;
    this.#now = now;
    for (const listener of this.#listeners) listener(now);
  }
}

const unknown = (releaseId: string): ReleaseError =>
  new ReleaseError('unknown', releaseId, `there is no release ${releaseId}`);
const running = (releaseId: string): ReleaseError =>
  new ReleaseError('running', releaseId, `the release ${releaseId} runs: promote it or roll it back first`);
