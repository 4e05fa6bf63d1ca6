import type { ApiKeyEntry } from '../keys/config.schema.ts';
import { type Environment, type KeyConfig, type KeySpec, parseKeyConfig } from '../keys/config.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { applyChanges, type Changes, isReference, type KeyPatch, mergeChanges, type NewChange, type Origin, sameChanges, withChange } from './changes.ts';
import { KeyAdminError } from './errors.ts';
import { type KeySource, readKeySource, sealedPathOf } from './key-text.ts';
import { decodeChanges, encodeChanges, readChanges, storable, storableWhole, writeChanges } from './record.ts';
import type { Sealer } from './seal.ts';
import type { KeyShare } from './share.ts';
import { watchFiles } from './watch.ts';

export interface KeyAdminOptions {
  readonly keysFile: string;
  /** Where changes made through the API are kept. */
  readonly changesFile: string;
  readonly sealer: Sealer | null;
  readonly env: Environment;
  /** Tells this node's changes from those of others. */
  readonly nodeId: string;
  readonly log: ActorLog;
  /** Keys in place of the file, e.g. those of the simulator. */
  readonly fixed?: { readonly raw: unknown; readonly source: string };
  /** Default 10 s: how often a missed broadcast or file event is looked for. */
  readonly checkMs?: number;
}

/** The keys as they are now. `config.keys` hold secrets; the rest does not. */
export interface EffectiveKeys {
  readonly config: KeyConfig;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly prices: ReadonlyMap<string, { readonly input: number; readonly output: number }>;
  /** Null: no bound. */
  readonly dailyBudget: number | null;
}

/** What became of a change, beside being in force on this node. */
export interface ChangeOutcome {
  /** It survives a restart of this node. */
  readonly persisted: boolean;
  /** The other nodes have it, or will. Null without Redis. */
  readonly shared: boolean | null;
  readonly notices: readonly string[];
}

export type KeyToAdd = ApiKeyEntry;

const CHECK_MS = 10_000;
const MOST_TRIES = 5;
const NOT_KEPT = 'this key is kept in memory only and is gone after a restart: set GANTRY_KEYS_SECRET so that it can be stored encrypted, or name an environment variable as ${VARIABLE}';

/**
 * Which keys there are: the key file, and on top of it what was changed through the API, on this node or another.
 * Every change is checked as a whole before it takes effect; what is not valid leaves everything as it was.
 */
export class KeyAdmin {
  readonly #options: KeyAdminOptions;
  #source: KeySource = { raw: {}, source: '', text: '', notice: null };
  #changes: Changes = {};
  #keys: EffectiveKeys | null = null;
  #share: KeyShare | null = null;
  #sharedVersion = 0;
  #listener: (keys: EffectiveKeys) => void = () => undefined;
  /** Standing problems by where they are; shown in health. */
  readonly #problems = new Map<'file' | 'shared' | 'stored', string>();
  #queue: Promise<unknown> = Promise.resolve();
  #end: (() => void)[] = [];

  private constructor(options: KeyAdminOptions) {
    this.#options = options;
  }

  /** Reads the files. Throws when one is there and cannot be used: a start with half of the keys would hide it. */
  static async open(options: KeyAdminOptions): Promise<KeyAdmin> {
    const admin = new KeyAdmin(options);
    const { fixed } = options;
    admin.#source = fixed === undefined ? await readKeySource(options.keysFile, options.sealer) : { ...fixed, text: '', notice: null };
    admin.#changes = fixed === undefined ? await readChanges(options.changesFile, options.sealer) : {};
    admin.#keys = admin.#effective(admin.#source, admin.#changes);
    return admin;
  }

  get keys(): EffectiveKeys {
    if (this.#keys === null) throw new Error('the key admin was not opened');
    return this.#keys;
  }

  /** One sentence for each thing an operator should know; no secrets. */
  notices(): readonly string[] {
    return [...(this.#source.notice === null ? [] : [this.#source.notice]), ...this.#problems.values()];
  }

  /** Begins to follow the files and the other nodes. `onKeys` is given the keys after each change. */
  start(share: KeyShare | null, onKeys: (keys: EffectiveKeys) => void): void {
    const { keysFile, fixed, log, checkMs = CHECK_MS } = this.#options;
    this.#listener = onKeys;
    const look = (what: () => Promise<void>) => (): void => {
      this.#exclusive(what).catch((thrown: unknown) => log.error({ err: asError(thrown) }, `API keys: ${asError(thrown).message}`));
    };
    if (fixed === undefined) {
      const reload = look(() => this.#reload());
      this.#end.push(watchFiles([keysFile, sealedPathOf(keysFile)], reload, (thrown) => log.info({ err: asError(thrown).message }, `${keysFile} is looked at every ${checkMs} ms: its folder cannot be watched`)));
      const timer = setInterval(reload, checkMs).unref();
      this.#end.push(() => clearInterval(timer));
    }
    if (share === null || fixed !== undefined) return;
    this.#share = share;
    const sync = look(() => this.#sync());
    share.onChanged(sync);
    const timer = setInterval(sync, checkMs).unref();
    this.#end.push(() => clearInterval(timer));
  }

  async close(): Promise<void> {
    for (const end of this.#end.splice(0)) end();
    this.#share?.close();
    await this.#queue.catch(() => undefined);
  }

  /** Throws `DUPLICATE_KEY`, `KEY_REFUSED`, `KEY_CONFIG_INVALID`. */
  add(entry: KeyToAdd): Promise<ChangeOutcome> {
    return this.#exclusive(async () => {
      const { name, key } = entry;
      if (this.keys.origins.has(name)) throw new KeyAdminError('DUPLICATE_KEY', `name: an API key ${name} exists`, { field: 'name', value: name });
      if (/\$\{/u.test(key) && !isReference(key)) throw new KeyAdminError('KEY_REFUSED', 'key: must be the key itself or one ${VARIABLE} and nothing else', { field: 'key' });
      return this.#change(name, { kind: 'put', entry, drain: false });
    });
  }

  /** Null when there is no such key. */
  patch(name: string, patch: KeyPatch): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => {
      if (!this.keys.origins.has(name)) return null;
      const known = Object.hasOwn(this.#changes, name) ? this.#changes[name] : undefined;
      if (known?.kind === 'put') {
        const { drain = known.drain, ...fields } = patch;
        return this.#change(name, { kind: 'put', entry: withFields(known.entry, fields), drain });
      }
      return this.#change(name, { kind: 'patch', patch: known?.kind === 'patch' ? { ...known.patch, ...patch } : patch });
    });
  }

  /** Null when there is no such key. */
  remove(name: string): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => (this.keys.origins.has(name) ? this.#change(name, { kind: 'remove' }) : null));
  }

  /** Forgets what the API changed of a key of the file. Null when nothing was. */
  reset(name: string): Promise<ChangeOutcome | null> {
    return this.#exclusive(async () => {
      const known = Object.hasOwn(this.#changes, name) ? this.#changes[name] : undefined;
      return known === undefined || known.kind === 'reset' ? null : this.#change(name, { kind: 'reset' });
    });
  }

  async #change(name: string, change: NewChange): Promise<ChangeOutcome> {
    const { nodeId, sealer, fixed, log } = this.#options;
    const changes = withChange(this.#changes, name, change, nodeId);
    const keys = this.#effective(this.#source, changes);
    if (change.kind === 'put' && !keys.config.keys.some((key) => key.name === name)) {
      throw new KeyAdminError('KEY_REFUSED', 'key: the environment variable it names is not set for this process', { field: 'key' });
    }
    const persisted = await this.#store(changes);
    this.#take(this.#source, changes, keys);
    log.info({ key: name, change: change.kind }, `API key "${name}": ${WORD[change.kind]} through the API`);
    const kept = persisted && (change.kind !== 'put' || sealer !== null || isReference(change.entry.key));
    const notices = fixed !== undefined ? ['the keys are those of the simulator: changes are gone after a restart'] : kept ? [] : persisted ? [NOT_KEPT] : ['this change could not be written to the data folder and is gone after a restart'];
    if (this.#share === null) return { persisted: kept, shared: null, notices };
    if (!storableWhole({ [name]: changes[name] ?? { kind: 'reset', stamp: [0, ''] } }, sealer)) return { persisted: kept, shared: false, notices: [...notices, 'the other nodes do not get this key, because it cannot be sent to them encrypted'] };
    await this.#sync();
    const problem = this.#problems.get('shared');
    return { persisted: kept, shared: problem === undefined, notices: problem === undefined ? notices : [...notices, problem] };
  }

  /** False when it could not be written. */
  async #store(changes: Changes): Promise<boolean> {
    const { changesFile, sealer, fixed, log } = this.#options;
    if (fixed !== undefined) return false;
    try {
      await writeChanges(changesFile, changes, sealer);
      this.#problems.delete('stored');
      return true;
    } catch (thrown) {
      this.#problems.set('stored', `changes of API keys could not be written to ${changesFile}: they are gone after a restart`);
      log.error({ path: changesFile, err: asError(thrown).message }, `changes of API keys could not be written to ${changesFile}`);
      return false;
    }
  }

  /** After the key file changed. One that is not valid keeps the old keys. */
  async #reload(): Promise<void> {
    const { keysFile, sealer, log } = this.#options;
    try {
      const source = await readKeySource(keysFile, sealer);
      if (source.text === this.#source.text && source.source === this.#source.source) {
        this.#problems.delete('file');
        return;
      }
      const keys = this.#effective(source, this.#changes);
      this.#take(source, this.#changes, keys);
      this.#problems.delete('file');
      for (const warning of keys.config.warnings) log.warn({ keysFile }, warning);
      log.info({ keys: keys.config.keys.filter((key) => key.enabled).map((key) => key.name) }, `${source.source} was read again`);
    } catch (thrown) {
      const problem = `the changed key file is not used, the keys stay as they were: ${asError(thrown).message}`;
      if (this.#problems.get('file') !== problem) log.error({ keysFile, err: asError(thrown).message }, problem);
      this.#problems.set('file', problem);
    }
  }

  /** Brings this node's record and the shared one together. */
  async #sync(): Promise<void> {
    const { sealer, log } = this.#options;
    const share = this.#share;
    if (share === null) return;
    try {
      if (this.#sharedVersion !== 0 && this.#problems.get('shared') === undefined && (await share.version()) === this.#sharedVersion && sameChanges(this.#pushed, storable(this.#changes, sealer))) return;
      for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
        const found = await share.read();
        const theirs = found === null ? {} : await decodeChanges(found.body, sealer, 'the record of key changes in Redis');
        const merged = mergeChanges(this.#changes, theirs);
        if (!sameChanges(merged, this.#changes)) {
          this.#take(this.#source, merged, this.#effective(this.#source, merged));
          await this.#store(merged);
          log.info({ keys: this.keys.config.keys.map((key) => key.name) }, 'API keys were changed on another node');
        }
        const mine = storable(merged, sealer);
        const version = found?.version ?? 0;
        if (sameChanges(mine, theirs) || (await share.replace(version, await encodeChanges(merged, sealer)))) {
          this.#sharedVersion = sameChanges(mine, theirs) ? version : version + 1;
          this.#pushed = mine;
          this.#problems.delete('shared');
          return;
        }
      }
      throw new Error('other nodes write all the time');
    } catch (thrown) {
      const problem = `changes of API keys do not reach the other nodes now, nor theirs this one: ${asError(thrown).message}`;
      if (this.#problems.get('shared') !== problem) log.warn({ err: asError(thrown).message }, problem);
      this.#problems.set('shared', problem);
    }
  }
  /** What the shared record held when it was last seen. */
  #pushed: Changes = {};

  #take(source: KeySource, changes: Changes, keys: EffectiveKeys): void {
    this.#source = source;
    this.#changes = changes;
    this.#keys = keys;
    this.#listener(keys);
  }

  /** Throws `KEY_CONFIG_INVALID`. */
  #effective(source: KeySource, changes: Changes): EffectiveKeys {
    const { raw, origins } = applyChanges(source.raw, changes);
    const parsed = parseKeyConfig(raw, this.#options.env, source.source);
    // An unchanged key keeps its secret object: whoever holds a connection by it need not open a new one.
    const known = new Map(this.#keys?.config.keys.map((key) => [key.name, key]));
    const keys = parsed.keys.map((key) => keepSecret(key, known.get(key.name)));
    return { config: { ...parsed, keys }, origins, ...costs(raw) };
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work, work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

const WORD: Readonly<Record<NewChange['kind'], string>> = { put: 'added or changed', patch: 'changed', remove: 'removed', reset: 'set back to the key file' };

const keepSecret = (key: KeySpec, known: KeySpec | undefined): KeySpec => ({
  ...key,
  secret: known !== undefined && known.secret.reveal() === key.secret.reveal() ? known.secret : key.secret,
});

/** What a patch does not name stays. */
const withFields = (entry: KeyToAdd, fields: Omit<KeyPatch, 'drain'>): KeyToAdd => ({
  ...entry,
  ...fields,
  qps_limit: fields.qps_limit ?? entry.qps_limit,
  rpm_limit: fields.rpm_limit ?? entry.rpm_limit,
  priority: fields.priority ?? entry.priority,
  enabled: fields.enabled ?? entry.enabled,
});

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** Prices and budget of a content that was validated just before. */
function costs(raw: unknown): Pick<EffectiveKeys, 'prices' | 'dailyBudget'> {
  const file = isFields(raw) ? raw : {};
  const list: unknown[] = Array.isArray(file['api_keys']) ? file['api_keys'] : [];
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const prices = list.flatMap((entry) => (isFields(entry) && typeof entry['name'] === 'string' ? [[entry['name'], { input: number(entry['price_per_1k_input']), output: number(entry['price_per_1k_output']) }] as const] : []));
  return { prices: new Map(prices), dailyBudget: typeof file['daily_budget'] === 'number' ? file['daily_budget'] : null };
}

