import { lookup as dnsLookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { asError } from '../runtime/errors.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}
/** All addresses of a name. */
export type Resolver = (host: string) => Promise<readonly ResolvedAddress[]>;

/** The system's own resolver: hosts file, then DNS. */
export const systemNames: Resolver = (host) => dnsLookup(host, { all: true });

/**
 * A `lookup` for sockets that asks `resolve`, which throws for an address that must not be dialled. The socket dials
 * the addresses that were checked, so changing the name's addresses in between achieves nothing.
 */
export const lookupBy =
  (resolve: Resolver): LookupFunction =>
  (host, options, done) => {
    resolve(host).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined) done(new Error(`host ${host} has no address`), '', 4);
        else if (options.all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (thrown: unknown) => done(asError(thrown), '', 4),
    );
  };
