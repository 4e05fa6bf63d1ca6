import type { FastifyRequest } from 'fastify';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { HttpError } from '../errors/http-error.ts';
import type { ConnectionLimit } from '../feed/connection-limit.ts';
import { clientOf } from './client-address.ts';
import type { Refusal, Refusals } from './intake-refusals.ts';

export interface PlaceOptions {
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
  /** Under which refusals are counted. */
  readonly reason: Refusal;
  /** The parameter that a refusal names. */
  readonly field: string;
}

/** Takes a place for a request that lasts; the returned function frees it. Throws `TOO_MANY` where none is free. */
export function takePlace(
  places: ConnectionLimit,
  request: FastifyRequest,
  { trusted, refusals, reason, field }: PlaceOptions,
): () => void {
  const client = clientOf(request, trusted);
  const refusal = places.refusal(client);
  if (refusal === null) return places.take(client);
  refusals.count(reason);
  throw new HttpError('TOO_MANY', `${field}: ${refusal}`, { field, headers: { 'retry-after': '5' } });
}
