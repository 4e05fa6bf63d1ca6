import { longestWaitMs } from '../keys/cooldown.ts';
import type { LimitKind } from '../keys/outcome.ts';

/** Shorter waits are raised to this. */
const SHORTEST_WAIT_MS = 100;
type HeaderSource = Pick<Headers, 'get'>;

export interface WaitSources {
  readonly headers: HeaderSource | null;
  /** A wait from the body's fields, such as `3.5s`; empty for none. */
  readonly wait: string;
  /** At most a few thousand characters. */
  readonly message: string;
  readonly limit: LimitKind;
  /** Epoch ms by our clock, for a response without a date of its own. */
  readonly now: number;
}

/**
 * How long a provider asks to wait, in ms from now; null when it doesn't. The first value counts of `retry-after-ms`,
 * `Retry-After`, the body, and the reset of a used-up limit. Absurd values (negative, past, an epoch, longer than an
 * hour, or than a day for a day's limit) are ignored.
 */
export function statedWaitMs({ headers, wait, message, limit, now }: WaitSources): number | null {
  const longest = longestWaitMs(limit);
  const sane = (ms: number | null): number | null =>
    ms === null || !Number.isFinite(ms) || ms < 0 || ms > longest ? null : Math.max(SHORTEST_WAIT_MS, Math.ceil(ms));
  const serverNow = serverTime(headers, now);
  const get = (name: string): string => (headers?.get(name) ?? '').slice(0, 100).trim();
  return (
    sane(plainNumber(get('retry-after-ms'))) ??
    sane(retryAfter(get('retry-after'), serverNow)) ??
    sane(resetOf(wait, serverNow)) ??
    sane(waitInText(message)) ??
    sane(resetInHeaders(get, serverNow))
  );
}

/** The server's own time, however wrong: its dates refer to it. */
function serverTime(headers: HeaderSource | null, now: number): number {
  const date = Date.parse((headers?.get('date') ?? '').slice(0, 100));
  return Number.isNaN(date) ? now : date;
}

const plainNumber = (text: string): number | null => (/^\d+(?:\.\d+)?$/u.test(text) ? Number(text) : null);

/** Seconds or a date (RFC 9110, 10.2.3); some providers write a duration. A past date is ignored. */
function retryAfter(text: string, serverNow: number): number | null {
  if (text === '') return null;
  const seconds = plainNumber(text);
  if (seconds !== null) return seconds * 1_000;
  return durationMs(text) ?? dateMs(text, serverNow);
}

function dateMs(text: string, serverNow: number): number | null {
  // The platform also parses "-5" and the like as dates.
  const date = /[a-z]{3}|\d{4}-\d\d-\d\d/iu.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) || date < serverNow ? null : date - serverNow;
}

/** A number from here on is an epoch, in seconds or in ms: no wait is that long. */
const EPOCH_S = 1e9;
const EPOCH_MS = 1e12;

/** A duration (`1m30s`, `6ms`, `3.5`), an epoch or a date. */
function resetOf(text: string, serverNow: number): number | null {
  const number = plainNumber(text);
  if (number === null) return text === '' ? null : (durationMs(text) ?? dateMs(text, serverNow));
  if (number >= EPOCH_MS) return number - serverNow;
  return number >= EPOCH_S ? number * 1_000 - serverNow : number * 1_000;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `1h2m3.5s` in ms; null for any other text. */
function durationMs(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/u.test(text)) return null;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/gu))
    sum += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return sum;
}

const UNITS = [
  [/^(?:ms|milliseconds?|毫秒)$/iu, 1],
  [/^(?:s|secs?|seconds?|秒钟?)$/iu, 1_000],
  [/^(?:m|mins?|minutes?|分钟?)$/iu, 60_000],
  [/^(?:h|hrs?|hours?|小时)$/iu, 3_600_000],
] as const;
const UNIT = '(?:ms|milliseconds?|毫秒|s|secs?|seconds?|秒钟?|m|mins?|minutes?|分钟?|h|hrs?|hours?|小时)(?![a-z])';
const AMOUNT = new RegExp(`(\\d{1,9}(?:\\.\\d{1,9})?)\\s?(${UNIT})`, 'giu');
const ASKING = '(?:retry|try again|again|wait|reset)[a-z ]{0,20}?(?:in|after|for|of)?|请(?:在|等待|于)|等待|在';
/** "retry in 3.5s", "try again in 1m2.5s", "wait 30 seconds", "retry after 20 seconds", "请在 3 秒后重试". */
const ASKED = new RegExp(
  `(?:${ASKING})[\\s:=]{0,3}` +
    `(\\d[\\d.]{0,11}\\s?${UNIT}(?:\\s?\\d[\\d.]{0,11}\\s?(?:ms|s|m)(?![a-z]))?|\\d[\\d.hms]{1,24})`,
  'iu',
);

function waitInText(message: string): number | null {
  const asked = ASKED.exec(message)?.[1]?.trim().replace(/\.$/u, '');
  if (asked === undefined) return null;
  const whole = durationMs(asked);
  if (whole !== null) return whole;
  let sum: number | null = null;
  for (const [, amount, unit] of asked.matchAll(AMOUNT)) {
    const ms = UNITS.find(([pattern]) => pattern.test(unit ?? ''))?.[1];
    if (ms !== undefined) sum = (sum ?? 0) + Number(amount) * ms;
  }
  return sum;
}

/** The headers of a limit's reset and of its remaining calls or tokens. */
const RESETS = [
  ['x-ratelimit-reset-requests', 'x-ratelimit-remaining-requests'],
  ['x-ratelimit-reset-tokens', 'x-ratelimit-remaining-tokens'],
  ['x-ratelimit-reset', 'x-ratelimit-remaining'],
  ['ratelimit-reset', 'ratelimit-remaining'],
  ['anthropic-ratelimit-requests-reset', 'anthropic-ratelimit-requests-remaining'],
  ['anthropic-ratelimit-tokens-reset', 'anthropic-ratelimit-tokens-remaining'],
] as const;

/** Milliseconds until every used-up limit is reset. A limit with something left did not refuse the call. */
function resetInHeaders(get: (name: string) => string, serverNow: number): number | null {
  const waits = RESETS.flatMap(([reset, remaining]) => {
    const left = plainNumber(get(remaining));
    const wait = left === null || left === 0 ? resetOf(get(reset), serverNow) : null;
    return wait === null ? [] : [wait];
  });
  return waits.length === 0 ? null : Math.max(...waits);
}
