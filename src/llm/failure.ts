import { APIConnectionError, APIError } from 'openai';
import type { CallOutcome, LimitKind } from '../keys/outcome.ts';
import type { Secret } from '../keys/secret.ts';

const LONGEST_MESSAGE = 200;
/** Providers quote part of the key in some messages. */
const KEY_LIKE = /\b(sk|ak|key)-[A-Za-z0-9_*.-]{4,}/gi;

/** A provider's message fit for a log: short, on one line, without the key or what looks like one. */
export const redact = (message: string, secret: Secret): string =>
  message.replaceAll(secret.reveal(), '***').replace(KEY_LIKE, '***').replace(/\s+/g, ' ').slice(0, LONGEST_MESSAGE);

/** Which of our own clocks or wishes ended a call. */
export interface Ending {
  /** Our time-out has passed. */
  readonly timedOut: boolean;
  /** The caller's signal was aborted. */
  readonly abandoned: boolean;
}

/** Sorts what the client threw into the outcomes a key pool knows. `now` is epoch ms, for a Retry-After given as a date. */
export function classifyFailure(thrown: unknown, ending: Ending, secret: Secret, now: number): CallOutcome {
  if (ending.abandoned) return { kind: 'abandoned', message: 'given up by us' };
  if (ending.timedOut) return { kind: 'timeout', message: 'no answer within the time-out' };
  const message = redact(thrown instanceof Error ? thrown.message : String(thrown), secret);
  if (thrown instanceof APIConnectionError) return { kind: 'network', message: redact(rootMessage(thrown), secret) };
  if (thrown instanceof APIError && typeof thrown.status === 'number') return byStatus(thrown.status, thrown.code ?? '', message, thrown.headers, now);
  // Broken JSON in a 200; everything else broke off while the body came.
  if (thrown instanceof SyntaxError) return { kind: 'unreadable', message: 'the response is not JSON' };
  return { kind: 'network', message };
}

function byStatus(status: number, code: string, message: string, headers: unknown, now: number): CallOutcome {
  if (status === 429) return { kind: 'rate-limited', retryAfterMs: headers instanceof Headers ? retryAfterMs(headers, now) : null, limit: limitKind(code, message), message };
  if (status === 401 || status === 402 || status === 403) return { kind: 'rejected-key', status, message };
  if (status === 408) return { kind: 'timeout', message };
  if (status >= 500) return { kind: 'server-error', status, message };
  return { kind: 'rejected-request', status, message };
}

/** Codes and words of OpenAI (`insufficient_quota`) and DashScope (`limit_burst_rate`, `Throttling.AllocationQuota`, ...). */
const RAMP = /burst|ramp|(increas|ris)\w* too (quickly|fast)/i;
const QUOTA = /insufficient[_ ]quota|allocation[_. ]?quota|free[_ ]?tier|arrear|exceeded your current quota|daily/i;

/** Which limit a 429 speaks of, by its code and text. */
export const limitKind = (code: string, message: string): LimitKind => (RAMP.test(code) || RAMP.test(message) ? 'ramp' : QUOTA.test(code) || QUOTA.test(message) ? 'quota' : 'rate');

/** `retry-after-ms`, or Retry-After in seconds or as a date (RFC 9110, 10.2.3), in ms from `now`; null without a usable one. */
export function retryAfterMs(headers: Headers, now: number): number | null {
  const exact = Number.parseFloat(headers.get('retry-after-ms') ?? '');
  if (exact >= 0) return exact;
  const value = headers.get('retry-after');
  if (value === null) return null;
  const seconds = Number(value);
  if (value.trim() !== '' && seconds >= 0) return seconds * 1_000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** "fetch failed" says little; what lies at the bottom says why. */
function rootMessage(error: Error): string {
  let root: Error = error;
  for (let depth = 0; depth < 5 && root.cause instanceof Error; depth++) root = root.cause;
  const code = 'code' in root && typeof root.code === 'string' ? `${root.code}: ` : '';
  return `${code}${root.message}`;
}
