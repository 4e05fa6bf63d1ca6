import type { KeySpec } from './key-config.ts';
import type { CalledModel } from './token-estimate.ts';
import type { CallOutcome, CallOutcomeKind, UnreadReason } from './outcome.ts';

/** The newest calls to one endpoint and model, by outcome. */
export interface ModelStats {
  readonly base_url: string;
  readonly model: string;
  /** Calls that say something of the model, at most {@link RECENT} and of the last ten minutes. */
  readonly recent: number;
  /** Of them, those without a readable answer. */
  readonly unreadable: number;
  readonly content_refused: number;
  /** Timed out, failed at the provider or on the way. */
  readonly failing: number;
  readonly rejected: number;
  /** Of the unreadable ones: all tokens went into reasoning. */
  readonly reasoning_only: number;
  /** Message of the newest failure; null once a call was answered after it. */
  readonly last_failure: string | null;
  /** How calls differ from the plain one, as the provider refused that. */
  readonly adaptations: readonly string[];
}

const RECENT = 20;
/** Older calls say nothing about now. */
const RECENT_MS = 600_000;
const LONGEST_FAILURE = 160;
const MOST_ADAPTATIONS = 16;
/** More than keys have: 1,000 keys with a model each, and those of releases. */
const MOST_MODELS = 2_000;

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
export class ModelHistory {
  readonly #models = new Map<
    string,
    CalledModel & { readonly entries: Entry[]; lastFailure: string | null; adaptations: readonly string[] }
  >();

  /** Books how a call ended. `adaptations`: how it differed from the plain one; null when that is not known. */
  add(called: CalledModel, outcome: CallOutcome, adaptations: readonly string[] | null, now: number): void {
    const id = idOf(called);
    const { baseUrl, model } = called;
    const known = this.#models.get(id) ?? { baseUrl, model, entries: [], lastFailure: null, adaptations: [] };
    this.#models.set(id, known);
    // Models of no key: of releases that were tried out.
    const [oldest] = this.#models.size > MOST_MODELS ? this.#models.keys() : [];
    if (oldest !== undefined) this.#models.delete(oldest);
    if (adaptations !== null) known.adaptations = adaptations.slice(0, MOST_ADAPTATIONS);
    if (outcome.kind !== 'ok' && outcome.kind !== 'abandoned' && outcome.kind !== 'stepped-down')
      known.lastFailure = outcome.message.slice(0, LONGEST_FAILURE);
    if (!COUNTED.has(outcome.kind)) return;
    if (outcome.kind === 'ok') known.lastFailure = null;
    known.entries.push({
      at: now,
      kind: outcome.kind,
      reason: outcome.kind === 'unreadable' ? (outcome.reason ?? null) : null,
    });
    if (known.entries.length > RECENT) known.entries.shift();
  }

  adaptations(spec: KeySpec): readonly string[] {
    return this.#models.get(idOf(spec))?.adaptations ?? [];
  }

  /** Forgets models that no key uses any more. */
  keep(specs: readonly KeySpec[]): void {
    const used = new Set(specs.map(idOf));
    for (const id of this.#models.keys()) if (!used.has(id)) this.#models.delete(id);
  }

  /** Of the models of these keys, and of others that were called lately. */
  stats(specs: readonly KeySpec[], now: number): readonly ModelStats[] {
    const listed = new Map<string, CalledModel>(specs.map((spec) => [idOf(spec), spec]));
    for (const [id, called] of this.#models)
      if ((called.entries.at(-1)?.at ?? -Infinity) > now - RECENT_MS) listed.set(id, called);
    return [...listed].map(([id, { baseUrl, model }]) => {
      const known = this.#models.get(id);
      const recent = (known?.entries ?? []).filter(({ at }) => at > now - RECENT_MS);
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
        last_failure: known?.lastFailure ?? null,
        adaptations: known?.adaptations ?? [],
      };
    });
  }
}

const idOf = ({ baseUrl, model }: CalledModel): string => `${baseUrl}\n${model}`;
