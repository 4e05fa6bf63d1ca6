/**
 * How one call under a lease ended.
 * - `ok`: answered and readable.
 * - `unreadable`: answered, but not in the shape asked for. Says nothing about the key.
 * - `content-refused`: the provider or its model refuses the picture's content, by whatever status. Says nothing about
 *   the key, and another key would be refused alike.
 * - `rejected-request`: the provider refuses the request. Says nothing about the key.
 * - `stepped-down`: it refuses one parameter; the next call to this endpoint and model goes without it. No fault at
 *   all.
 * - `misconfigured`: the model or the address cannot be used with this key. No fault of the key with another model.
 * - `rate-limited`: a limit is reached, whatever the status. `retryAfterMs` as the provider gave it, null when it gave
 *   none.
 * - `rejected-key`: the key is wrong or revoked, or its account unpaid, whatever the status.
 * - `timeout`, `server-error`, `network`: the call failed on its way or at the provider.
 * - `abandoned`: given up by ourselves (shutdown, the task's deadline), or never sent. Says nothing about the key.
 */
export type CallOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'unreadable'; readonly reason?: UnreadReason; readonly message: string }
  | { readonly kind: 'content-refused'; readonly message: string }
  | { readonly kind: 'rejected-request'; readonly status: number; readonly message: string }
  | { readonly kind: 'stepped-down'; readonly message: string }
  | { readonly kind: 'misconfigured'; readonly status: number; readonly message: string }
  | {
      readonly kind: 'rate-limited';
      readonly retryAfterMs: number | null;
      readonly limit?: LimitKind;
      readonly message: string;
    }
  | { readonly kind: 'rejected-key'; readonly status: number; readonly why?: KeyFault; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string }
  | {
      readonly kind: 'server-error';
      readonly status: number;
      /** Present when the provider said how long it will be down. */
      readonly retryAfterMs?: number;
      readonly message: string;
    }
  | { readonly kind: 'network'; readonly message: string }
  | { readonly kind: 'abandoned'; readonly message: string };

/**
 * Why the body of a 200 holds no answer.
 * - `empty`: no text. `reasoning-only`: reasoning and no answer after it. `cut-off`: an answer that does not end.
 * - `no-json`: text without an assessment. `bad-level`: an assessment whose level is no level word.
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

/** The problem of a refused key: wrong or revoked, or not paid. */
export type KeyFault = 'bad-key' | 'arrears';

/**
 * Which limit is reached. `rate`: calls or tokens per second or minute; also when the provider does not say. `quota`:
 * the paid amount is spent. `day`: a day's share is spent. `ramp`: the rate rose too fast. `concurrency`: too many
 * calls are open.
 */
export type LimitKind = 'rate' | 'quota' | 'day' | 'ramp' | 'concurrency';

/**
 * The culprit of a failed call. A request that fails on two keys is to blame itself. `candidate`: the call was made for
 * a release that is tried out, perhaps to another model, whose failures say nothing about the key or its provider.
 */
export type Blame = 'key' | 'request' | 'candidate';

export type CallOutcomeKind = CallOutcome['kind'];
