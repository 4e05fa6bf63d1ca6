import { FeedRequest, type FeedMessage } from '../../messages/feed.ts';
import { HttpError } from '../errors/http-error.ts';
import { invalidInput } from '../errors/validation.ts';

/** A viewer's message, or what is wrong with it. Pure. */
export function readFeedRequest(text: string): FeedRequest | HttpError {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch (error) {
    return new HttpError('MALFORMED_JSON', 'message: is not valid JSON', { field: 'message', cause: error });
  }
  const parsed = FeedRequest.safeParse(message);
  if (parsed.success) return parsed.data;
  const error = invalidInput(parsed.error.issues, message, 'message');
  if (error.field !== 'type' || error.code !== 'INVALID_FIELD') return error;
  return new HttpError('INVALID_FIELD', 'type: must be ping, subscribe or unsubscribe', { field: 'type', value: error.value });
}

export const encode = (message: FeedMessage): Uint8Array => Buffer.from(JSON.stringify(message));

export function errorMessage(error: HttpError): FeedMessage {
  const { code, message, field, value } = error.body();
  return { type: 'error', data: field === null ? { code, message } : { code, message, field, value } };
}

/** Allows `perSecond` on average, twice as many in one go. Times in ms. */
export class MessageRate {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond * 2;
    this.#at = now;
  }

  allow(now: number): boolean {
    this.#tokens = Math.min(this.#perSecond * 2, this.#tokens + (Math.max(0, now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
