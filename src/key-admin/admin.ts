import type { Environment } from '../keys/key-config.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { DataNotices } from '../storage/set-aside.ts';
import { type AddedKey, type Change, type Changes, type KeyPatch, type NewChange, withChange } from './changes.ts';
import { checkSecret } from './check-secret.ts';
import { type EffectiveKeys, effectiveKeys } from './effective.ts';
import { KeyAdminError } from './key-admin-error.ts';
import { idleNotices, NOT_KEPT, notSharedNotice, SIMULATED, unprovenNotices } from './key-notices.ts';
import { type KeySource, readKeySource, sealedPathOf } from './key-text.ts';
import { isStorable, readStored, writeStored } from './change-record.ts';
import type { Sealer } from './seal.ts';
import type { KeyShare } from './shared-record.ts';
import { KeySync } from './sync.ts';
import { watchFiles } from './watch-files.ts';

export type { EffectiveKeys } from './effective.ts';

export interface KeyAdminOptions {
  readonly keysFile: string;
  /** Where changes made through the API are kept. */
  readonly changesFile: string;
  readonly sealer: Sealer | null;
  readonly env: Environment;
  /** Tells this node's changes from those of others. */
  readonly nodeId: string;
  readonly log: ActorLog;
  /** Told of stored changes that had to be set aside. Default: the log alone. */
  readonly notices?: DataNotices;
  /** Keys in place of the file, e.g. those of the simulator. */
  readonly fixed?: { readonly raw: unknown; readonly source: string };
  /** Default 10 s: how often a missed broadcast or file event is looked for. */
  readonly checkMs?: number;
}

/** Where else a change is kept, which is in force on this node. */
export interface ChangeOutcome {
  /** It survives a restart of this node. */
  readonly persisted: boolean;
  /** The other nodes have it, or will. Null without Redis. */
  readonly shared: boolean | null;
  readonly notices: readonly string[];
}

const CHECK_MS = 10_000;
/**
 * The keys: those of the key file, with the changes made through the API on this node or another. Every change is
 * checked together with all the others, and kept on the disk, before it takes effect. One that is not valid or cannot
 * be written leaves everything as it was.
 */
export class KeyAdmin {
  readonly #options: KeyAdminOptions;
  #source: KeySource = { raw: {}, source: '', text: '', notice: null };
  #changes: Changes = new Map();
  #keys: EffectiveKeys | null = null;
  #sync: KeySync | null = null;
  #listener: (keys: EffectiveKeys) => void = () => undefined;
  /** Present problems, shown in health. */
  readonly #problems = new Map<'file' | 'stored', string>();
  #queue: Promise<unknown> = Promise.resolve();
  #end: (() => void)[] = [];

  private constructor(options: KeyAdminOptions) {
    this.#options = options;
  }

  /**
   * Reads the files. Throws when the key file is there and cannot be used: a start with half of the keys would hide it.
   * Stored changes that cannot be used are set aside with a notice.
   */
  static async open(options: KeyAdminOptions): Promise<KeyAdmin> {
    const admin = new KeyAdmin(options);
    const { fixed, changesFile, sealer, nodeId, log } = options;
    admin.#source =
      fixed === undefined ? await readKeySource(options.keysFile, sealer) : { ...fixed, text: '', notice: null };
    if (fixed === undefined) {
      admin.#changes = await readStored({
        path: changesFile,
        sealer,
        nodeId,
        notices: options.notices ?? new DataNotices(log),
      });
    }
    admin.#keys = admin.#effective(admin.#source, admin.#changes);
    return admin;
  }

  get keys(): EffectiveKeys {
    if (this.#keys === null) throw new Error('the key admin was not opened');
    return this.#keys;
  }

  /** One sentence for each thing an operator should know; no secrets. */
  notices(): readonly string[] {
    const { sealer, nodeId } = this.#options;
    const syncProblem = this.#sync?.problem ?? null;
    return [
      ...(this.#source.notice === null ? [] : [this.#source.notice]),
      ...this.#problems.values(),
      ...(syncProblem === null ? [] : [syncProblem]),
      ...(sealer === null ? unprovenNotices(this.#changes, nodeId) : []),
      ...idleNotices(this.keys.idle),
    ];
  }

  /** Begins to follow the files and the other nodes. Calls `onKeys` with the keys after each change. */
  start(share: KeyShare | null, onKeys: (keys: EffectiveKeys) => void): void {
    const { keysFile, fixed, sealer, nodeId, log, checkMs = CHECK_MS } = this.#options;
    this.#listener = onKeys;
    if (fixed !== undefined) {
      share?.close();
      return;
    }
    const reload = this.#once(() => this.#reload());
    this.#end.push(
      watchFiles([keysFile, sealedPathOf(keysFile)], reload, (thrown) =>
        log.info(
          { err: asError(thrown).message },
          `${keysFile} is looked at every ${checkMs} ms: its folder cannot be watched`,
        ),
      ),
    );
    const files = setInterval(reload, checkMs).unref();
    this.#end.push(() => clearInterval(files));
    if (share === null) return;
    const sync = new KeySync({
      share,
      sealer,
      nodeId,
      log,
      patienceMs: 6 * checkMs,
      isKey: (name) => this.keys.origins.has(name),
      mine: () => this.#changes,
      onMerged: (merged) => this.#merge(merged),
    });
    this.#sync = sync;
    const syncNow = this.#once(() => sync.run());
    share.onChanged(syncNow);
    const timer = setInterval(syncNow, checkMs).unref();
    this.#end.push(
      () => clearInterval(timer),
      () => share.close(),
    );
  }

  async close(): Promise<void> {
    for (const end of this.#end.splice(0)) end();
    await this.#queue.catch(() => undefined);
  }

  /** Throws `DUPLICATE_KEY`, `KEY_REFUSED`, `KEY_CONFIG_INVALID`, `DISK_FULL`, `NOT_WRITABLE`. */
  add(entry: AddedKey): Promise<ChangeOutcome> {
    return this.#exclusive(async () => {
      const { name } = entry;
      if (this.keys.origins.has(name))
        throw new KeyAdminError('DUPLICATE_KEY', `name: an API key ${name} exists`, { field: 'name', value: name });
      checkSecret(entry.key, this.#source.raw, this.#source.source);
      return this.#change(name, { kind: 'put', entry, drain: false });
    });
  }

  /** Null when there is no such key. Throws as `add`. */
  patch(name: string, patch: KeyPatch): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => {
      if (!this.keys.origins.has(name)) return null;
      const known = this.#changes.get(name);
      if (known?.kind === 'put' && this.keys.origins.get(name)?.from === 'api') {
        const { drain = known.drain, ...fields } = patch;
        return this.#change(name, { kind: 'put', entry: withFields(known.entry, fields), drain });
      }
      return this.#change(name, {
        kind: 'patch',
        patch: known?.kind === 'patch' ? { ...known.patch, ...patch } : patch,
      });
    });
  }

  /** Null when there is no such key. Throws as `add`. */
  remove(name: string): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => {
      const isThere = this.keys.origins.has(name) || this.#changes.get(name)?.kind === 'put';
      return isThere ? this.#change(name, { kind: 'remove' }) : null;
    });
  }

  /** Forgets the API's changes to a key of the file. Null when there were none. Throws as `add`. */
  reset(name: string): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => {
      const known = this.#changes.get(name);
      return known === undefined || known.kind === 'reset' ? null : this.#change(name, { kind: 'reset' });
    });
  }

  async #change(name: string, change: NewChange): Promise<ChangeOutcome> {
    const { nodeId, sealer, fixed, log } = this.#options;
    // First the changes of the other nodes, or their later times would win over this one.
    if (this.#sync?.problem === null) await this.#sync.run();
    const changes = withChange(this.#changes, name, change, nodeId);
    const keys = this.#effective(this.#source, changes);
    for (const [idle, why] of keys.idle) if (idle === name || !this.keys.idle.has(idle)) throw why;
    if (change.kind === 'put' && !keys.config.keys.some((key) => key.name === name)) {
      throw new KeyAdminError('KEY_REFUSED', 'key: the environment variable it names is not set for this process', {
        field: 'key',
      });
    }
    // First: a change that cannot be written is not made.
    if (fixed === undefined) await this.#store(changes);
    this.#replace(this.#source, changes, keys);
    log.info({ key: name, change: change.kind }, `API key "${name}": ${WORD[change.kind]} through the API`);
    if (fixed !== undefined) return { persisted: false, shared: null, notices: [SIMULATED] };
    const made = changes.get(name);
    const persisted = made === undefined || isStorable(made, sealer);
    const kept = { persisted, notices: persisted ? [] : [NOT_KEPT] };
    if (this.#sync === null) return { ...kept, shared: null };
    await this.#sync.run(true);
    const limits = made === undefined || sealer !== null ? null : notSharedNotice(name, made, this.#source.raw);
    const { problem } = this.#sync;
    const said = [limits, problem].filter((text) => text !== null);
    return { persisted, shared: problem === null && limits === null, notices: [...kept.notices, ...said] };
  }

  /** Throws `DISK_FULL` or `NOT_WRITABLE`. */
  async #store(changes: Changes): Promise<void> {
    const { changesFile, sealer, log } = this.#options;
    try {
      await writeStored(changesFile, changes, sealer);
      this.#problems.delete('stored');
    } catch (thrown) {
      log.error(
        { path: changesFile, err: asError(thrown).message },
        `changes of API keys could not be kept: ${asError(thrown).message}`,
      );
      throw thrown;
    }
  }

  /** Changes of other nodes take effect even when they cannot be kept here: Redis has them. */
  async #merge(merged: Changes): Promise<void> {
    const { log } = this.#options;
    this.#replace(this.#source, merged, this.#effective(this.#source, merged));
    log.info({ keys: this.keys.config.keys.map((key) => key.name) }, 'API keys were changed on another node');
    await this.#store(merged).catch((thrown: unknown) => {
      this.#problems.set(
        'stored',
        'changes of API keys that other nodes made are in force and could not be kept, so a start without Redis ' +
          `will not know them: ${asError(thrown).message}`,
      );
    });
  }

  /** Reads a changed key file. While it is not valid the old keys stay. */
  async #reload(): Promise<void> {
    const { keysFile, sealer, log } = this.#options;
    try {
      const source = await readKeySource(keysFile, sealer);
      if (source.text === this.#source.text && source.source === this.#source.source) {
        this.#problems.delete('file');
        return;
      }
      const keys = this.#effective(source, this.#changes);
      this.#replace(source, this.#changes, keys);
      this.#problems.delete('file');
      for (const warning of keys.config.warnings) log.warn({ keysFile }, warning);
      log.info(
        { keys: keys.config.keys.filter((key) => key.enabled).map((key) => key.name) },
        `${source.source} was read again`,
      );
    } catch (thrown) {
      const problem = `the changed key file is not used, the keys stay as they were: ${asError(thrown).message}`;
      if (this.#problems.get('file') !== problem) log.error({ keysFile, err: asError(thrown).message }, problem);
      this.#problems.set('file', problem);
    }
  }

  #replace(source: KeySource, changes: Changes, keys: EffectiveKeys): void {
    this.#source = source;
    this.#changes = changes;
    this.#keys = keys;
    this.#listener(keys);
  }

  /** Throws `KEY_CONFIG_INVALID` when the key file itself is not valid. */
  #effective({ raw, source }: KeySource, changes: Changes): EffectiveKeys {
    const { env, sealer, nodeId } = this.#options;
    const isTrusted = ({ stamp }: Change): boolean => sealer !== null || stamp[1] === nodeId;
    return effectiveKeys({ raw, source, changes, env, isTrusted, before: this.#keys?.config.keys ?? [] });
  }

  /** Runs `work` once, however often it is asked for before it begins. */
  #once(work: () => Promise<void>): () => void {
    let isDue = false;
    return () => {
      if (isDue) return;
      isDue = true;
      this.#exclusive(() => {
        isDue = false;
        return work();
      }).catch((thrown: unknown) =>
        this.#options.log.error({ err: asError(thrown) }, `API keys: ${asError(thrown).message}`),
      );
    };
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

const WORD: Readonly<Record<NewChange['kind'], string>> = {
  put: 'added or changed',
  patch: 'changed',
  remove: 'removed',
  reset: 'set back to the key file',
};

/** Fields that a patch does not name stay. */
const withFields = (entry: AddedKey, fields: Omit<KeyPatch, 'drain'>): AddedKey => ({
  ...entry,
  ...fields,
  qps_limit: fields.qps_limit ?? entry.qps_limit,
  rpm_limit: fields.rpm_limit ?? entry.rpm_limit,
  priority: fields.priority ?? entry.priority,
  enabled: fields.enabled ?? entry.enabled,
});
