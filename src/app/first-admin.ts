import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../infra/log.ts';
import { asError } from '../runtime/errors.ts';
import type { Accounts } from '../users/accounts.ts';
import type { GantryConfig } from './config.ts';

/** Shown while anybody who reaches the server may do everything. */
export const OPEN_SERVER =
  'this server is open: it has neither users nor GANTRY_TOKEN, so anybody who reaches it may see and change ' +
  'everything; npm run gantry -- users add NAME --role admin closes it';

/** Whether NATS can know users: an embedded one that never ran knows none. */
export const mayHaveUsers = ({ natsUrl, dataDir }: Pick<GantryConfig, 'natsUrl' | 'dataDir'>): boolean =>
  natsUrl !== null || existsSync(join(dataDir, 'nats'));

/** The address of a one-time link on the page at `url`. */
export const setupUrl = (url: string, basePath: string, link: string): string => `${url}${basePath}/#/setup/${link}`;

/**
 * While there are no users, writes a one-time link that makes the first administrator to the log. It is the one secret
 * there: it works for a day, once, and not any more as soon as there is a user. Never rejects.
 */
export async function offerFirstAdmin(
  accounts: Accounts,
  config: Pick<GantryConfig, 'roles' | 'basePath' | 'token' | 'oidc'>,
  url: string,
  log: Log,
): Promise<void> {
  if (accounts.users.any || !config.roles.includes('web')) return;
  if (config.token === null && config.oidc === null) log.warn({}, OPEN_SERVER);
  try {
    const link = setupUrl(url, config.basePath, await accounts.links.make(null));
    log.info({}, `no users yet: within a day, this link makes the first administrator, once: ${link}`);
  } catch (thrown) {
    log.warn({ err: asError(thrown).message }, 'the link that makes the first administrator could not be made');
  }
}
