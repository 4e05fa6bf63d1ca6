/**
 * How one call under a lease ended.
 * - `ok`: answered and readable.
 * - `unreadable`: answered, but not with what was asked for. Says nothing about the key.
 * - `content-refused`: the provider or its model refuses what is in the picture, by whatever status. Says nothing about
 *   the key, and another key would get the same.
 * - `rejected-request`: 400, 404, 413, 422: the provider refuses what we sent. Says nothing about the key.
 * - `rate-limited`: 429. `retryAfterMs` as the provider gave it, null when it gave none.
 * - `rejected-key`: 401, 402, 403: the key is wrong, revoked or unpaid.
 * - `timeout`, `server-error`, `network`: the call failed on its way or at the provider.
 * - `abandoned`: given up by ourselves (shutdown, the task's deadline), or never sent. Says nothing about the key.
 */
export type CallOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'unreadable'; readonly reason?: UnreadReason; readonly message: string }
  | { readonly kind: 'content-refused'; readonly message: string }
  | { readonly kind: 'rejected-request'; readonly status: number; readonly message: string }
  | { readonly kind: 'rate-limited'; readonly retryAfterMs: number | null; readonly limit?: LimitKind; readonly message: string }
  | { readonly kind: 'rejected-key'; readonly status: number; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string }
  | { readonly kind: 'server-error'; readonly status: number; readonly message: string }
  | { readonly kind: 'network'; readonly message: string }
  | { readonly kind: 'abandoned'; readonly message: string };

/**
 * Why the body of a 200 holds no answer.
 * - `empty`: no text. `reasoning-only`: reasoning and no answer after it. `cut-off`: an answer that does not end.
 * - `no-json`: text without a judgement. `bad-level`: a judgement whose level is no level word.
 * - `refusal`: the model declines. `content-filter`: the provider withholds the answer.
 * - `error-in-body`: an error object under status 200. `not-a-completion`: none of the shapes of a chat completion.
 */
export type UnreadReason =
  | 'empty'
  | 'reasoning-only'
  | 'cut-off'
  | 'no-json'
  | 'bad-level'
  | 'refusal'
  | 'content-filter'
  | 'error-in-body'
  | 'not-a-completion';

/**
 * Which limit a 429 speaks of. `rate`: calls or tokens per second or minute; also when it is not said. `quota`: what was
 * paid for, or a day's share, is spent. `ramp`: the rate rose too fast.
 */
export type LimitKind = 'rate' | 'quota' | 'ramp';

/** Whom a failed call speaks against. The same request failing on two keys blames the request. */
export type Blame = 'key' | 'request';

export type CallOutcomeKind = CallOutcome['kind'];
