import type { FastifyRequest } from 'fastify';
import { type AddressRanges, plainAddress } from '../../infra/address-ranges.ts';

type Headers = Pick<FastifyRequest, 'raw' | 'headers'>;

/** Whether the client speaks TLS to a trusted proxy in front. Gantry itself speaks none. */
export function overTls({ raw, headers }: Headers, trusted: AddressRanges): boolean {
  const peer = plainAddress(raw.socket.remoteAddress);
  if (peer === null || !trusted.has(peer)) return false;
  const [scheme = ''] = [headers['x-forwarded-proto']].flat();
  return /^\s*https\s*(?:,|$)/iu.test(scheme.slice(0, 100));
}

/** Scheme and host of the address in the browser, e.g. `https://gantry.example.org`. */
export const publicOrigin = (request: Headers, trusted: AddressRanges): string =>
  `${overTls(request, trusted) ? 'https' : 'http'}://${request.headers.host ?? ''}`;
