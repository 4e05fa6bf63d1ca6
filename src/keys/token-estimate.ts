import { DEFAULT_OUTPUT_TOKENS } from './key-config.schema.ts';
import type { KeySpec } from './key-config.ts';
import type { CallTokens } from './tokens.ts';

/** The bound of a call with this key: its answers may be longer, or shorter, than the asker knows. */
export const boundWith = (asked: CallTokens, { maxOutputTokens }: Pick<KeySpec, 'maxOutputTokens'>): CallTokens => ({
  prompt: asked.prompt,
  completion: Math.max(1, asked.completion + maxOutputTokens - DEFAULT_OUTPUT_TOKENS),
});

const BUCKET_MS = 60_000;
const BUCKETS = 10;
const ENOUGH = 20;
/** The densest prompt to come may be somewhat denser than the densest seen. */
const MARGIN = 1.1;

interface Bucket {
  readonly from: number;
  prompt: number;
  completion: number;
  count: number;
}

/**
 * How many tokens to reserve for a call. The asker names a bound: a prompt has at most so many tokens, and the answer may
 * have at most so many. The bound of the answer holds, since the provider keeps to it. That of the prompt is far too wide
 * (a token is hardly ever one byte), and how wide depends on the model's tokenizer only: so the largest share of their
 * bounds that prompts really took in the last ten minutes, a tenth more, is used of it. Until 20 calls of a model
 * told, the whole bound is used; and should a model take more than its bound, so much more is reserved from the next call on.
 */
export class TokenEstimates {
  readonly #models = new Map<string, Bucket[]>();
  /** Shares as worked out since something was learnt, for the minute they are good for. */
  readonly #shares = new Map<KeySpec, Shares>();

  /** Tokens that a call within `bound` takes at most, as far as is known. */
  most(spec: KeySpec, bound: CallTokens, now: number): number {
    const minute = Math.floor(now / BUCKET_MS);
    let shares = this.#shares.get(spec);
    if (shares?.minute !== minute) {
      shares = sharesOf(
        (this.#models.get(modelOf(spec)) ?? []).filter((bucket) => bucket.from > now - BUCKETS * BUCKET_MS),
        minute,
      );
      this.#shares.set(spec, shares);
    }
    return Math.max(1, Math.ceil(bound.prompt * shares.prompt + bound.completion * shares.completion));
  }

  /** What a call within `bound` really took. */
  learn(spec: KeySpec, bound: CallTokens, used: CallTokens, now: number): void {
    this.#shares.clear();
    const model = modelOf(spec);
    const buckets = this.#models.get(model) ?? [];
    const from = Math.floor(now / BUCKET_MS) * BUCKET_MS;
    const newest = buckets.at(-1);
    const bucket = newest !== undefined && newest.from >= from ? newest : { from, prompt: 0, completion: 0, count: 0 };
    bucket.prompt = Math.max(bucket.prompt, used.prompt / Math.max(1, bound.prompt));
    bucket.completion = Math.max(bucket.completion, used.completion / Math.max(1, bound.completion));
    bucket.count++;
    if (bucket !== newest) this.#models.set(model, [...buckets.slice(1 - BUCKETS), bucket]);
  }

  /** Forgets models that no key uses any more. */
  keep(specs: readonly KeySpec[]): void {
    this.#shares.clear();
    const used = new Set(specs.map(modelOf));
    for (const model of this.#models.keys()) if (!used.has(model)) this.#models.delete(model);
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

const modelOf = (spec: KeySpec): string => `${spec.baseUrl} ${spec.model}`;
