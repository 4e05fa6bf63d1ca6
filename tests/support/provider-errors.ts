import assert from 'node:assert/strict';
import { Secret } from '../../src/keys/secret.ts';
import { refusedOutcome, type Failure } from '../../src/llm/failure.ts';
import { errorInAnswer, readProviderError } from '../../src/llm/provider-error.ts';

export const secret = new Secret('sk-unit-secret-123456');
export const NOW = Date.parse('2026-01-01T00:00:00Z');

/** The outcome of a response with this status and body; of a body of status 200 that is an error. */
export function outcome(status: number, body: unknown, headers: Record<string, string> = {}): Failure {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const error =
    status === 200
      ? errorInAnswer(typeof body === 'string' ? body : JSON.parse(text))
      : readProviderError(status, text);
  assert.ok(error !== null, 'it was taken for an answer');
  return refusedOutcome(error, { secret, model: 'm', headers: new Headers(headers), now: NOW });
}

/** As short as a table needs it. */
export function named(failure: Failure): string {
  if (failure.kind === 'rate-limited') return `rate-limited ${failure.limit}`;
  return failure.kind === 'rejected-key' ? `rejected-key ${failure.why}` : failure.kind;
}

export const err = (message: string, more: object = {}): object => ({ error: { message, ...more } });
