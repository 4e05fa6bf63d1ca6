/**
 * How one call under a lease ended.
 * - `ok`: answered and readable.
 * - `unreadable`: answered, but not with what was asked for. Says nothing about the key.
 * - `rejected-request`: 400, 404, 413, 422: the provider refuses what we sent. Says nothing about the key.
 * - `rate-limited`: 429. `retryAfterMs` as the provider gave it, null when it gave none.
 * - `rejected-key`: 401, 402, 403: the key is wrong, revoked or unpaid.
 * - `timeout`, `server-error`, `network`: the call failed on its way or at the provider.
 * - `abandoned`: given up by ourselves (shutdown, the task's deadline), or never sent. Says nothing about the key.
 */
export type CallOutcome =
  | { readonly kind: 'ok' }
  | { readonly kind: 'unreadable'; readonly message: string }
  | { readonly kind: 'rejected-request'; readonly status: number; readonly message: string }
  | { readonly kind: 'rate-limited'; readonly retryAfterMs: number | null; readonly limit?: LimitKind; readonly message: string }
  | { readonly kind: 'rejected-key'; readonly status: number; readonly message: string }
  | { readonly kind: 'timeout'; readonly message: string }
  | { readonly kind: 'server-error'; readonly status: number; readonly message: string }
  | { readonly kind: 'network'; readonly message: string }
  | { readonly kind: 'abandoned'; readonly message: string };

/**
 * Which limit a 429 speaks of. `rate`: calls or tokens per second or minute; also when it is not said. `quota`: what was
 * paid for, or a day's share, is spent. `ramp`: the rate rose too fast.
 */
export type LimitKind = 'rate' | 'quota' | 'ramp';

/** Whom a failed call speaks against. The same request failing on two keys blames the request. */
export type Blame = 'key' | 'request';

export type CallOutcomeKind = CallOutcome['kind'];
