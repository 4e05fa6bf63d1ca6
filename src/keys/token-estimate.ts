import { DEFAULT_OUTPUT_TOKENS } from './key-config.schema.ts';
import type { KeySpec } from './key-config.ts';
import type { CallTokens } from './tokens.ts';

/** A model at its endpoint. */
export type CalledModel = Pick<KeySpec, 'baseUrl' | 'model'>;

/** The bound of a call with this key, whose answers may be longer or shorter than the default. */
export const boundWith = (asked: CallTokens, { maxOutputTokens }: Pick<KeySpec, 'maxOutputTokens'>): CallTokens => ({
  prompt: asked.prompt,
  completion: Math.max(1, asked.completion + maxOutputTokens - DEFAULT_OUTPUT_TOKENS),
});

const BUCKET_MS = 60_000;
const BUCKETS = 10;
const ENOUGH = 20;
/** More than keys have: 1,000 keys with a model each, and those of releases. */
const MOST_MODELS = 2_000;
/** The densest prompt to come may be somewhat denser than the densest seen. */
const MARGIN = 1.1;

interface Bucket {
  readonly from: number;
  prompt: number;
  completion: number;
  count: number;
}

/**
 * How many tokens to reserve for a call. The request names a bound for the prompt and one for the answer. The answer's
 * bound is used whole, since the provider keeps to it. The prompt's is far too wide (a token is hardly ever one byte),
 * and how wide depends on the model's tokenizer only. So of it the largest share is used that prompts really took in
 * the last ten minutes, and a tenth more; the whole bound until 20 calls of the model are known. When a model takes
 * more than its bound, that much more is reserved from the next call on.
 */
export class TokenEstimates {
  readonly #models = new Map<string, Bucket[]>();
  /** Shares worked out since the last call, for the minute they are good for. */
  readonly #shares = new Map<KeySpec, Map<string, Shares>>();

  /** Tokens that a call to `model`, by default the key's own, takes at most within `bound`, by experience. */
  most(spec: KeySpec, bound: CallTokens, now: number, model: string | null = null): number {
    const shares = this.#sharesOf(spec, model ?? spec.model, now);
    return Math.max(1, Math.ceil(bound.prompt * shares.prompt + bound.completion * shares.completion));
  }

  /** Tokens that count against a key's limit for a call within `bound`; 0 for a key without a limit. */
  tokensWith(bound: CallTokens, now: number, model: string | null = null): (key: { readonly spec: KeySpec }) => number {
    return ({ spec }) => (spec.tpmLimit === null ? 0 : this.most(spec, boundWith(bound, spec), now, model));
  }

  /** Learns from the real tokens of a call to this model within `bound`. */
  learn(called: CalledModel, bound: CallTokens, used: CallTokens, now: number): void {
    this.#shares.clear();
    const model = modelOf(called);
    const buckets = this.#models.get(model) ?? [];
    const from = Math.floor(now / BUCKET_MS) * BUCKET_MS;
    const newest = buckets.at(-1);
    const bucket = newest !== undefined && newest.from >= from ? newest : { from, prompt: 0, completion: 0, count: 0 };
    bucket.prompt = Math.max(bucket.prompt, used.prompt / Math.max(1, bound.prompt));
    bucket.completion = Math.max(bucket.completion, used.completion / Math.max(1, bound.completion));
    bucket.count++;
    if (bucket !== newest) this.#models.set(model, [...buckets.slice(1 - BUCKETS), bucket]);
    // Models of no key: of releases that were tried out.
    const [oldest] = this.#models.size > MOST_MODELS ? this.#models.keys() : [];
    if (oldest !== undefined) this.#models.delete(oldest);
  }

  /** Forgets models that no key uses any more. */
  keep(specs: readonly KeySpec[]): void {
    this.#shares.clear();
    const used = new Set(specs.map(modelOf));
    for (const model of this.#models.keys()) if (!used.has(model)) this.#models.delete(model);
  }

  #sharesOf(spec: KeySpec, model: string, now: number): Shares {
    const minute = Math.floor(now / BUCKET_MS);
    const ofKey = this.#shares.get(spec) ?? new Map<string, Shares>();
    this.#shares.set(spec, ofKey);
    const known = ofKey.get(model);
    if (known?.minute === minute) return known;
    const buckets = this.#models.get(modelOf({ baseUrl: spec.baseUrl, model })) ?? [];
    const shares = sharesOf(
      buckets.filter((bucket) => bucket.from > now - BUCKETS * BUCKET_MS),
      minute,
    );
    ofKey.set(model, shares);
    return shares;
  }
}

interface Shares {
  readonly minute: number;
  readonly prompt: number;
  readonly completion: number;
}

function sharesOf(recent: readonly Bucket[], minute: number): Shares {
  const calls = recent.reduce((sum, bucket) => sum + bucket.count, 0);
  const prompt = Math.max(0, ...recent.map((bucket) => bucket.prompt)) * MARGIN;
  return {
    minute,
    prompt: calls < ENOUGH ? Math.max(1, prompt) : prompt,
    completion: Math.max(1, ...recent.map((bucket) => bucket.completion)),
  };
}

const modelOf = ({ baseUrl, model }: CalledModel): string => `${baseUrl} ${model}`;
