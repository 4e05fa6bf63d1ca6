import { readBasePath } from '../http/access/base-path.ts';
import { readAllowedHosts, readOrigins } from '../http/access/hosts.ts';
import { InfraError } from '../infra/infra-error.ts';
import { secretFromEnv } from '../keys/env-secret.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Who may reach this server, from the environment. */
export interface AccessConfig {
  /** Null: nobody is asked for one. */
  readonly token: string | null;
  /** Other machines may reach it although there is no token. */
  readonly open: boolean;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly embedOrigins: readonly string[];
  /** Prefix of every address outside, e.g. `/gantry`; `''` for none. */
  readonly basePath: string;
}

/** Under this many characters a token can be guessed: refused beyond this machine, warned of on it. */
export const SHORTEST_TOKEN = 12;
const LONGEST_TOKEN = 1_024;

/** Throws `CONFIG_INVALID` naming the variable. */
export function readAccess(env: Environment): AccessConfig {
  const list = (name: string): string[] =>
    (env[name] ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
  return {
    token: readToken(env),
    open: readOpen(env['GANTRY_OPEN'] ?? ''),
    allowedHosts: [...readAllowedHosts(list('GANTRY_ALLOWED_HOSTS'))],
    corsOrigins: readOrigins('GANTRY_CORS_ORIGINS', list('GANTRY_CORS_ORIGINS')),
    embedOrigins: readOrigins('GANTRY_EMBED_ORIGINS', list('GANTRY_EMBED_ORIGINS')),
    basePath: readBasePath((env['GANTRY_BASE_PATH'] ?? '').trim()),
  };
}

/** The secret of `name` or of the file that `name_FILE` names; null for neither. Throws `CONFIG_INVALID`. */
export function readSecret(env: Environment, name: string): string | null {
  const found = secretFromEnv(env, name);
  if ('problem' in found) throw new InfraError('CONFIG_INVALID', found.problem, { field: name });
  return found.secret;
}

function readToken(env: Environment): string | null {
  const token = readSecret(env, 'GANTRY_TOKEN');
  // What a header cannot carry no client could ever send.
  if (token !== null && (token.length > LONGEST_TOKEN || !/^[\x21-\x7e]+$/u.test(token))) {
    throw new InfraError(
      'CONFIG_INVALID',
      `GANTRY_TOKEN must be letters, digits and signs of ASCII without spaces, at most ${LONGEST_TOKEN} characters`,
      { field: 'GANTRY_TOKEN' },
    );
  }
  return token;
}

function readOpen(text: string): boolean {
  if (text === '' || text === 'yes') return text === 'yes';
  const shown = text.slice(0, 100);
  throw new InfraError('CONFIG_INVALID', `GANTRY_OPEN must be yes, or left out, not "${shown}"`, {
    field: 'GANTRY_OPEN',
    value: shown,
  });
}
