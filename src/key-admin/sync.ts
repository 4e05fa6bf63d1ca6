import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { type Changes, hasMore, mergeChanges, MOST_CHANGES, type ParsedChanges, sameChanges } from './changes.ts';
import { KeyAdminError } from './key-admin-error.ts';
import { decodeShared, encodeShared, shareable } from './change-record.ts';
import type { Sealer } from './seal.ts';
import { KEY_SHARE, type KeyShare, type Previous, type SharedRecord } from './shared-record.ts';
import { fromStrangers } from './trust.ts';

export interface KeySyncOptions {
  readonly share: KeyShare;
  readonly sealer: Sealer | null;
  readonly nodeId: string;
  readonly log: ActorLog;
  /** How long a record that may be encrypted with another secret is left alone, in ms. */
  readonly patienceMs: number;
  readonly isKey: (name: string) => boolean;
  readonly mine: () => Changes;
  /** Puts the merged changes into force. */
  readonly onMerged: (merged: Changes) => Promise<void>;
}

const MOST_TRIES = 5;
const WHAT = `the record of key changes in Redis (${KEY_SHARE.record})`;
const LEFT_OUT = 'entries that cannot be read are left out';

interface Found extends ParsedChanges {
  /**
   * Changes of keys unknown here. They are written back with the others, or two nodes would undo each other's changes.
   */
  readonly carried: Changes;
  /** What `replace` is given. */
  readonly previous: Previous;
}

/**
 * Merges this node's changes with the shared record. The record is read with a bound on its size, and entry by entry.
 * One that no node can have written is replaced at once; one that may be encrypted with another secret, after a while.
 * So nothing stops the sharing for good.
 */
export class KeySync {
  readonly #options: KeySyncOptions;
  #problem: string | null = null;
  /** Record and changes when they last agreed. */
  #seen: { readonly body: string; readonly changes: Changes } | null = null;
  /** Since when the record cannot be opened, in ms of `performance.now()`. */
  #closedSince: number | null = null;

  constructor(options: KeySyncOptions) {
    this.#options = options;
  }

  /** Why changes are not shared now; null while they are. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Never rejects. `isOwnChange`: this node has made a change. */
  async run(isOwnChange = false): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#bringTogether(isOwnChange);
    } catch (thrown) {
      const why = asError(thrown).message;
      const problem = `changes of API keys do not reach the other nodes now, nor theirs this one: ${why}`;
      if (this.#problem !== problem) log.warn({ err: asError(thrown).message }, problem);
      this.#problem = problem;
    }
  }

  async #bringTogether(isOwnChange: boolean): Promise<void> {
    const { share, sealer, onMerged, mine } = this.#options;
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      const record = await share.read();
      if (record.kind === 'body' && record.body === this.#seen?.body && this.#seen.changes === mine()) return;
      const theirs = await this.#understand(record, isOwnChange);
      const merged = mergeChanges(mine(), theirs.changes);
      if (!sameChanges(merged, mine())) await onMerged(merged);
      const isNew = hasMore(shareable(mine(), sealer), theirs.changes);
      const body = isNew
        ? await encodeShared(new Map([...theirs.carried, ...mine()]), sealer)
        : record.kind === 'body'
          ? record.body
          : '';
      if (isNew && !(await share.replace(theirs.previous, body))) continue;
      this.#seen = { body, changes: mine() };
      this.#closedSince = null;
      this.#problem = null;
      return;
    }
    throw new Error('other nodes write all the time');
  }

  /** Rejects, until patience is over, for a record that may be encrypted with another secret. */
  async #understand(record: SharedRecord, isOwnChange: boolean): Promise<Found> {
    const { sealer, log, nodeId, isKey, mine } = this.#options;
    if (record.kind === 'none')
      return { changes: new Map(), carried: new Map(), refused: [], previous: { body: null } };
    try {
      if (record.kind === 'unusable') throw new KeyAdminError('CHANGES_BROKEN', record.why);
      const { changes, refused } = await decodeShared(record.body, sealer, WHAT);
      if (refused.length > 0) log.warn({ refused }, `${WHAT}: ${LEFT_OUT} (${refused.join(', ')})`);
      const taken = sealer === null ? fromStrangers({ theirs: changes, mine: mine(), node: nodeId, isKey }) : changes;
      const carried = new Map(
        [...changes].filter(([name]) => !mine().has(name)).slice(0, Math.max(0, MOST_CHANGES - mine().size)),
      );
      return { changes: taken, carried, refused, previous: { body: record.body } };
    } catch (thrown) {
      if (!(thrown instanceof KeyAdminError)) throw thrown;
      const isAnothers =
        thrown.code === 'SEAL_BROKEN' ||
        thrown.code === 'SEAL_KEY_MISSING' ||
        (thrown.code === 'NOT_SEALED' && !isOwnChange);
      this.#closedSince ??= performance.now();
      if (isAnothers && performance.now() - this.#closedSince < this.#options.patienceMs) throw thrown;
      log.warn({ err: thrown.message }, `${thrown.message}: it is not used, and gives way to the changes of this node`);
      return { changes: new Map(), carried: new Map(), refused: [], previous: 'anything' };
    }
  }
}
