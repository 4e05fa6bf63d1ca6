import type { CallOutcome, KeyFault, LimitKind } from '../keys/outcome.ts';
import type { Secret } from '../keys/secret.ts';
import type { Meaning } from './error-codes.ts';
import { meaningOf } from './error-meanings.ts';
import type { ProviderError } from './provider-error.ts';
import { statedWaitMs } from './waits.ts';

export type Failure = Exclude<CallOutcome, { kind: 'ok' }>;

const LONGEST_MESSAGE = 200;
/** Characters of a text that are read. */
const LONGEST_LOOK = 4_000;
/** Parts of keys, which some providers quote in their messages. */
const KEY_LIKE = /\b(sk|ak|key)-[A-Za-z0-9_*.-]{4,}/gi;

/** A provider's message for the log: short, on one line, without the key or anything like one. */
export const redact = (message: string, secret: Secret): string =>
  message
    .slice(0, LONGEST_LOOK)
    .replaceAll(secret.reveal(), '***')
    .replace(KEY_LIKE, '***')
    .replace(/\s+/g, ' ')
    .slice(0, LONGEST_MESSAGE);

/** How the caller ended the call, if it did. */
export interface Ending {
  /** By our time-out. */
  readonly timedOut: boolean;
  /** By the caller's signal. */
  readonly abandoned: boolean;
}

/** The outcome of a call without a response: we ended it, or it broke off on its way. */
export function brokenCall(thrown: unknown, ending: Ending, secret: Secret): Failure {
  if (ending.abandoned) return { kind: 'abandoned', message: 'given up by us' };
  if (ending.timedOut) return { kind: 'timeout', message: 'no answer within the time-out' };
  return { kind: 'network', message: redact(thrown instanceof Error ? rootMessage(thrown) : String(thrown), secret) };
}

/** The call whose error is read. */
export interface RefusedCall {
  readonly secret: Secret;
  readonly model: string;
  readonly headers: Pick<Headers, 'get'> | null;
  /** Epoch ms. */
  readonly now: number;
}

/** The outcome of a call that the provider answered with an error, by the error's meaning. */
export function refusedOutcome(error: ProviderError, call: RefusedCall): Failure {
  const message = redact(textOf(error), call.secret);
  return error.status === 408 ? { kind: 'timeout', message } : OUTCOMES[meaningOf(error)]({ error, call, message });
}

interface Refusal {
  readonly error: ProviderError;
  readonly call: RefusedCall;
  /** Redacted. */
  readonly message: string;
}

const rateLimited =
  (limit: LimitKind) =>
  ({ error, call: { headers, now }, message }: Refusal): Failure => {
    const retryAfterMs = statedWaitMs({ headers, wait: error.wait, message: error.message, limit, now });
    return { kind: 'rate-limited', retryAfterMs, limit, message };
  };

const rejectedKey =
  (why: KeyFault) =>
  ({ error: { status }, message }: Refusal): Failure => ({ kind: 'rejected-key', status, why, message });

function serverError({ error: { status, wait }, call: { headers, now }, message }: Refusal): Failure {
  const waitMs = statedWaitMs({ headers, wait, message: '', limit: 'rate', now });
  return { kind: 'server-error', status, message, ...(waitMs === null ? {} : { retryAfterMs: waitMs }) };
}

const OUTCOMES: Readonly<Record<Meaning, (refusal: Refusal) => Failure>> = {
  'bad-key': rejectedKey('bad-key'),
  arrears: rejectedKey('arrears'),
  rate: rateLimited('rate'),
  burst: rateLimited('ramp'),
  concurrency: rateLimited('concurrency'),
  quota: rateLimited('quota'),
  day: rateLimited('day'),
  content: ({ message }) => ({ kind: 'content-refused', message }),
  request: ({ error: { status }, message }) => ({ kind: 'rejected-request', status, message }),
  model: ({ error, call: { model, secret } }) => ({
    kind: 'misconfigured',
    status: error.status,
    message: redact(`model ${model} cannot be used: ${textOf(error)}`, secret),
  }),
  page: ({ error: { status, message }, call: { secret } }) => ({
    kind: 'server-error',
    status,
    message: redact(`a page was returned in place of an answer: ${message}`, secret),
  }),
  place: serverError,
  overloaded: serverError,
  server: serverError,
};

/** Status and message, or the first code when there is no message. */
export const textOf = ({ status, message, codes }: ProviderError): string =>
  `${status} ${message === '' ? (codes[0] ?? 'without a message') : message}`;

/** The message of the innermost cause: "fetch failed" alone says little. */
function rootMessage(error: Error): string {
  let root: Error = error;
  for (let depth = 0; depth < 5 && root.cause instanceof Error; depth++) root = root.cause;
  const code = 'code' in root && typeof root.code === 'string' ? `${root.code}: ` : '';
  return `${code}${root.message}`;
}
