import { lookup } from 'node:dns/promises';
import { BlockList } from 'node:net';
import { InfraError } from '../infra/infra-error.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { type AccessConfig, SHORTEST_TOKEN } from './access.ts';

export interface ListenerConfig extends Pick<AccessConfig, 'token' | 'open'> {
  readonly host: string;
}

interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. Rejects when there is none. */
export type Resolve = (host: string) => Promise<readonly Address[]>;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

const GUESSED = `has fewer than ${SHORTEST_TOKEN} characters and can be guessed`;
const HOW =
  'set GANTRY_TOKEN (or GANTRY_TOKEN_FILE) to a secret that clients must send, e.g. of "openssl rand -hex 32"; or ' +
  'start on this machine first and make a user (npm run gantry -- users add NAME --role admin); or ' +
  'GANTRY_OPEN=yes to let anyone who reaches the port see and change everything';

/** A checked listener: notices for the operator, and the refusal that holds unless there are users. */
export interface CheckedListener {
  readonly notices: readonly string[];
  readonly withoutUsers: InfraError | null;
}

/**
 * As {@link checkListener}, and logs the notices. Where users may be known, whom only NATS can tell, the refusal of an
 * address without a token is left to the caller.
 */
export async function listenerNotices(
  config: ListenerConfig,
  mayHaveUsers: boolean,
  log: Pick<ActorLog, 'warn'>,
): Promise<CheckedListener> {
  const { host, token, open } = config;
  if (mayHaveUsers && token === null && !open && !(await isLoopback(host, everyAddress)))
    return { notices: [], withoutUsers: unguarded(host) };
  const notices = await checkListener(config);
  for (const notice of notices) log.warn({ host }, notice);
  return { notices, withoutUsers: null };
}

/**
 * Refuses an address that other machines reach when there is no token, or one that can be guessed. Resolves to notices
 * for the operator, each with the variable to set.
 *
 * @throws InfraError `CONFIG_INVALID`, with the way out
 */
export async function checkListener(
  config: ListenerConfig,
  resolve: Resolve = everyAddress,
): Promise<readonly string[]> {
  const { host, token, open } = config;
  if (token !== null && token.length >= SHORTEST_TOKEN) return [];
  const isLocal = await isLoopback(host, resolve);
  if (token !== null) {
    if (isLocal || open) return [`GANTRY_TOKEN ${GUESSED}: take more`];
    throw refusal(host, `GANTRY_TOKEN ${GUESSED}: use a longer one, or set GANTRY_OPEN=yes to allow it`);
  }
  if (isLocal) return [];
  if (!open) throw unguarded(host);
  return [`anyone who reaches ${host} may see and change everything: GANTRY_OPEN is yes and no GANTRY_TOKEN is set`];
}

const unguarded = (host: string): InfraError => refusal(host, `no access token is set: ${HOW}`);

const refusal = (host: string, why: string): InfraError =>
  new InfraError('CONFIG_INVALID', `HOST (--host) is ${host}, which other machines reach, and ${why}`, {
    field: 'host',
    value: host,
  });

/** Whether all addresses of `host` are loopback addresses. */
async function isLoopback(host: string, resolve: Resolve): Promise<boolean> {
  let addresses: readonly Address[];
  try {
    addresses = await resolve(host);
  } catch (thrown) {
    throw new InfraError(
      'CONFIG_INVALID',
      `HOST (--host) is ${host}, which resolves to no address: ${asError(thrown).message}`,
      { field: 'host', value: host },
      thrown,
    );
  }
  return addresses.length > 0 && addresses.every(({ address, family }) => isLoopbackAddress(address, family));
}

const isLoopbackAddress = (address: string, family: number): boolean =>
  LOOPBACK.check(address.split('%')[0] ?? '', family === 6 ? 'ipv6' : 'ipv4');

const everyAddress: Resolve = (host) => lookup(host, { all: true });
