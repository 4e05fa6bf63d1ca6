import type { FastifyRequest } from 'fastify';
import { type AddressRanges, addressGroup, plainAddress } from '../../infra/address-ranges.ts';

/** Addresses read from `X-Forwarded-For`, the nearest first. */
const MAX_HOPS = 16;

/**
 * The address that a request counts for: that of its connection or, behind trusted proxies, the nearest address that is
 * not one of them. Other clients' headers are not trusted.
 *
 * @param forwarded the header `X-Forwarded-For`
 */
export function clientAddress(peer: string | undefined, forwarded: string | undefined, trusted: AddressRanges): string {
  let address = plainAddress(peer);
  if (address === null) return 'unknown';
  if (!trusted.has(address) || forwarded === undefined) return addressGroup(address);
  for (const hop of forwarded
    .slice(-64 * MAX_HOPS)
    .split(',')
    .slice(-MAX_HOPS)
    .toReversed()) {
    const next = plainAddress(hop.trim());
    // A client that a proxy could not name counts for the proxy.
    if (next === null) break;
    address = next;
    if (!trusted.has(address)) break;
  }
  return addressGroup(address);
}

/** As {@link clientAddress}, of a request. */
export function clientOf({ raw, headers }: Pick<FastifyRequest, 'raw' | 'headers'>, trusted: AddressRanges): string {
  const forwarded = headers['x-forwarded-for'];
  return clientAddress(raw.socket.remoteAddress, Array.isArray(forwarded) ? forwarded.join(',') : forwarded, trusted);
}
