import type { Aggregate } from '../../messages/aggregate.ts';
import {
  FeedRequest,
  feedOffset,
  type FeedGap,
  type FeedMessage,
  type FeedPlace,
  type GapReason,
} from '../../messages/feed.ts';
import { HttpError } from '../errors/http-error.ts';
import { invalidInput } from '../errors/validation.ts';
import { readJson } from '../intake/json-body.ts';
import { textFrame } from './feed-frame.ts';
import type { Outgoing } from './viewer-outbox.ts';

/** Parses a viewer's message; returns the error in an invalid one. Pure. */
export function readFeedRequest(text: string): FeedRequest | HttpError {
  const read = readJson(text, 'message');
  if (read instanceof HttpError) return read;
  const message = read.value;
  const parsed = FeedRequest.safeParse(message);
  if (parsed.success) return parsed.data;
  const error = invalidInput(parsed.error.issues, message, 'message');
  if (error.field !== 'type' || error.code !== 'INVALID_FIELD') return error;
  return new HttpError('INVALID_FIELD', 'type: must be ping, subscribe or unsubscribe', {
    field: 'type',
    value: error.value,
  });
}

export const encode = (message: FeedMessage): Uint8Array => Buffer.from(JSON.stringify(message));

type EncodedType = 'detection_result' | 'alert' | 'alarm' | 'gap' | 'alert_handling' | 'shelves';

/** A message encoded once for all viewers, with its offset if it has a place in the feed. */
export class EncodedMessage implements Outgoing {
  readonly place: FeedPlace | null;
  readonly frame: Uint8Array;
  readonly #type: EncodedType;
  readonly #data: string;
  #withoutOffset: EncodedMessage | null = null;

  /** @param data JSON */
  constructor(type: EncodedType, data: string, place: FeedPlace | null) {
    this.#type = type;
    this.#data = data;
    this.place = place;
    this.frame = textFrame(
      place === null
        ? `{"type":"${type}","data":${data}}`
        : `{"type":"${type}","offset":"${feedOffset(place)}","data":${data}}`,
    );
  }

  /** The same message for viewers that still miss earlier alerts. Encoded when first asked for. */
  get withoutOffset(): EncodedMessage {
    if (this.place === null) return this;
    return (this.#withoutOffset ??= new EncodedMessage(this.#type, this.#data, null));
  }
}

export const frameMessage = (aggregate: Aggregate, place: FeedPlace | null): EncodedMessage =>
  new EncodedMessage('detection_result', JSON.stringify(aggregate), place);
export const alertMessage = (aggregate: Aggregate, place: FeedPlace | null): EncodedMessage =>
  new EncodedMessage('alert', JSON.stringify(aggregate), place);

/** A {@link FeedGap} with places instead of offsets and `alertsSince` in epoch ms. */
export interface Gap {
  readonly from: FeedPlace | null;
  readonly to: FeedPlace | null;
  readonly reason: GapReason;
  readonly missed: number | null;
  readonly alertsSince: number | null;
  /** Prefix of every public address; `''` for none. */
  readonly basePath: string;
}

/** @param place up to which every alert was sent; null when alerts may be missing */
export function gapMessage(gap: Gap, place: FeedPlace | null): EncodedMessage {
  const { from, to, reason, missed, alertsSince, basePath } = gap;
  const data: FeedGap = {
    from: from === null ? null : feedOffset(from),
    to: to === null ? null : feedOffset(to),
    reason,
    missed,
    alertsSince: alertsSince === null ? null : new Date(alertsSince).toISOString(),
    history: `${basePath}/api/alerts/history`,
  };
  return new EncodedMessage('gap', JSON.stringify(data), place);
}

export function errorMessage(error: HttpError): FeedMessage {
  const { code, message, field, value } = error.body();
  return { type: 'error', data: field === null ? { code, message } : { code, message, field, value } };
}

/** Token bucket: allows `perSecond` on average, with bursts of twice as many. Times in ms. */
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
    this.#tokens = Math.min(
      this.#perSecond * 2,
      this.#tokens + (Math.max(0, now - this.#at) / 1_000) * this.#perSecond,
    );
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
