import type { KeySpec } from './key-config.ts';
import type { CallOutcome, CallOutcomeKind, UnreadReason } from './outcome.ts';

/** What the newest calls to one endpoint and model came to. */
export interface ModelStats {
  readonly base_url: string;
  readonly model: string;
  /** Calls looked at, at most {@link RECENT}: those that say something of the model. */
  readonly recent: number;
  /** Of them: without a readable answer. */
  readonly unreadable: number;
  readonly content_refused: number;
  /** Timed out, failed at the provider or on the way. */
  readonly failing: number;
  readonly rejected: number;
  /** Of the unreadable ones: all tokens went into reasoning. */
  readonly reasoning_only: number;
  /** What the newest of the failed ones said; null while the newest call was answered well. */
  readonly last_failure: string | null;
  /** How calls differ from the plain one. */
  readonly adaptations: readonly string[];
}

const RECENT = 20;
/** What was longer ago says nothing about now. */
const RECENT_MS = 600_000;
const LONGEST_FAILURE = 160;
const MOST_ADAPTATIONS = 16;

interface Entry {
  readonly at: number;
  readonly kind: CallOutcomeKind;
  readonly reason: UnreadReason | null;
}

const FAILING: ReadonlySet<CallOutcomeKind> = new Set(['timeout', 'server-error', 'network']);
/** Outcomes that say something of the model and the way to it, not of a key. */
const COUNTED: ReadonlySet<CallOutcomeKind> = new Set([
  ...FAILING,
  'ok',
  'unreadable',
  'content-refused',
  'rejected-request',
  'misconfigured',
]);

/** The newest outcomes of each endpoint and model. Bounded by the key file, and by 20 calls each. */
export class ModelRecords {
  readonly #records = new Map<
    string,
    { readonly entries: Entry[]; lastFailure: string | null; adaptations: readonly string[] }
  >();

  settled(spec: KeySpec, outcome: CallOutcome, adaptations: readonly string[] | null, now: number): void {
    const id = idOf(spec);
    const record = this.#records.get(id) ?? { entries: [], lastFailure: null, adaptations: [] };
    this.#records.set(id, record);
    if (adaptations !== null) record.adaptations = adaptations.slice(0, MOST_ADAPTATIONS);
    if (outcome.kind !== 'ok' && outcome.kind !== 'abandoned' && outcome.kind !== 'stepped-down')
      record.lastFailure = outcome.message.slice(0, LONGEST_FAILURE);
    if (!COUNTED.has(outcome.kind)) return;
    if (outcome.kind === 'ok') record.lastFailure = null;
    record.entries.push({
      at: now,
      kind: outcome.kind,
      reason: outcome.kind === 'unreadable' ? (outcome.reason ?? null) : null,
    });
    if (record.entries.length > RECENT) record.entries.shift();
  }

  adaptations(spec: KeySpec): readonly string[] {
    return this.#records.get(idOf(spec))?.adaptations ?? [];
  }

  /** Forgets what no key uses any more. */
  keep(specs: readonly KeySpec[]): void {
    const used = new Set(specs.map(idOf));
    for (const id of this.#records.keys()) if (!used.has(id)) this.#records.delete(id);
  }

  stats(specs: readonly KeySpec[], now: number): readonly ModelStats[] {
    const first = new Map(specs.map((spec) => [idOf(spec), spec]));
    return [...first].map(([id, { baseUrl, model }]) => {
      const record = this.#records.get(id);
      const recent = (record?.entries ?? []).filter(({ at }) => at > now - RECENT_MS);
      const count = (test: (entry: Entry) => boolean): number => recent.filter(test).length;
      return {
        base_url: baseUrl,
        model,
        recent: recent.length,
        unreadable: count(({ kind }) => kind === 'unreadable'),
        failing: count(({ kind }) => FAILING.has(kind)),
        content_refused: count(({ kind }) => kind === 'content-refused'),
        rejected: count(({ kind }) => kind === 'rejected-request'),
        reasoning_only: count(({ reason }) => reason === 'reasoning-only'),
        last_failure: record?.lastFailure ?? null,
        adaptations: record?.adaptations ?? [],
      };
    });
  }
}

const idOf = ({ baseUrl, model }: KeySpec): string => `${baseUrl}\n${model}`;
