import type { CallOutcome, LimitKind } from '../keys/outcome.ts';
import type { Secret } from '../keys/secret.ts';
import type { Meaning } from './error-codes.ts';
import { meaningOf } from './error-meanings.ts';
import type { ProviderError } from './provider-error.ts';
import { statedWaitMs } from './waits.ts';

export type Failure = Exclude<CallOutcome, { kind: 'ok' }>;

const LONGEST_MESSAGE = 200;
/** Of a longer text only the beginning is looked at. */
const LONGEST_LOOK = 4_000;
/** Providers quote part of the key in some messages. */
const KEY_LIKE = /\b(sk|ak|key)-[A-Za-z0-9_*.-]{4,}/gi;

/** A provider's message fit for a log: short, on one line, without the key or what looks like one. */
export const redact = (message: string, secret: Secret): string =>
  message
    .slice(0, LONGEST_LOOK)
    .replaceAll(secret.reveal(), '***')
    .replace(KEY_LIKE, '***')
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_MESSAGE);

/** Which of our own clocks or wishes ended a call. */
export interface Ending {
  /** Our time-out has passed. */
  readonly timedOut: boolean;
  /** The caller's signal was aborted. */
  readonly abandoned: boolean;
}

/** The outcome of a call without a response: it ended here, or broke off on its way. */
export function brokenCall(thrown: unknown, ending: Ending, secret: Secret): Failure {
  if (ending.abandoned) return { kind: 'abandoned', message: 'given up by us' };
  if (ending.timedOut) return { kind: 'timeout', message: 'no answer within the time-out' };
  return { kind: 'network', message: redact(thrown instanceof Error ? rootMessage(thrown) : String(thrown), secret) };
}

/** What an outcome's message needs to know of the call. */
export interface RefusedCall {
  readonly secret: Secret;
  readonly model: string;
  readonly headers: Pick<Headers, 'get'> | null;
  /** Epoch ms. */
  readonly now: number;
}

/** The outcome of a call that the provider answered with an error, by what the error means. */
export function refusedOutcome(error: ProviderError, { secret, model, headers, now }: RefusedCall): Failure {
  const { status } = error;
  const message = redact(textOf(error), secret);
  const meaning = meaningOf(error);
  if (status === 408) return { kind: 'timeout', message };
  const limit = LIMITS[meaning];
  if (limit !== undefined) {
    const retryAfterMs = statedWaitMs({ headers, wait: error.wait, message: error.message, limit, now });
    return { kind: 'rate-limited', retryAfterMs, limit, message };
  }
  switch (meaning) {
    case 'bad-key':
      return { kind: 'rejected-key', status, why: 'bad-key', message };
    case 'arrears':
      return { kind: 'rejected-key', status, why: 'arrears', message };
    case 'content':
      return { kind: 'content-refused', message };
    case 'model':
      return {
        kind: 'misconfigured',
        status,
        message: redact(`model ${model} cannot be used: ${textOf(error)}`, secret),
      };
    case 'request':
      return { kind: 'rejected-request', status, message };
    case 'page':
      return {
        kind: 'server-error',
        status,
        message: redact(`a page came in place of an answer: ${error.message}`, secret),
      };
    case 'place':
    case 'overloaded':
    case 'server':
    case 'rate':
    case 'burst':
    case 'concurrency':
    case 'quota':
    case 'day': {
      const waitMs = statedWaitMs({ headers, wait: error.wait, message: '', limit: 'rate', now });
      return { kind: 'server-error', status, message, ...(waitMs === null ? {} : { retryAfterMs: waitMs }) };
    }
  }
}

const LIMITS: Partial<Readonly<Record<Meaning, LimitKind>>> = {
  rate: 'rate',
  burst: 'ramp',
  concurrency: 'concurrency',
  quota: 'quota',
  day: 'day',
};

/** Status and message; the code where there is no message. */
export const textOf = ({ status, message, codes }: ProviderError): string =>
  `${status} ${message === '' ? (codes[0] ?? 'without a message') : message}`;

/** "fetch failed" says little; what lies at the bottom says why. */
function rootMessage(error: Error): string {
  let root: Error = error;
  for (let depth = 0; depth < 5 && root.cause instanceof Error; depth++) root = root.cause;
  const code = 'code' in root && typeof root.code === 'string' ? `${root.code}: ` : '';
  return `${code}${root.message}`;
}
