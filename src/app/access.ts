import { readBasePath } from '../http/access/base-path.ts';
import { readAllowedHosts, readOrigins } from '../http/access/hosts.ts';
import { InfraError } from '../infra/infra-error.ts';
import { secretFromEnv } from '../keys/env-secret.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Access to this server, as the environment sets it. */
export interface AccessConfig {
  /** The token that every client must send; null for none. */
  readonly token: string | null;
  /** Whether other machines may reach the server without a token. */
  readonly open: boolean;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly embedOrigins: readonly string[];
  /** The path that a proxy puts before every address, e.g. `/gantry`; `''` for none. */
  readonly basePath: string;
}

/** A token with fewer characters can be guessed: refused for other machines, warned about for this one. */
export const SHORTEST_TOKEN = 12;
const LONGEST_TOKEN = 1_024;

/** Reads the access settings. Throws `CONFIG_INVALID` with the variable's name. */
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

/** The secret in variable `name`, or in the file that `name_FILE` names; null for neither. Throws `CONFIG_INVALID`. */
export function readSecret(env: Environment, name: string): string | null {
  const found = secretFromEnv(env, name);
  if ('problem' in found) throw new InfraError('CONFIG_INVALID', found.problem, { field: name });
  return found.secret;
}

function readToken(env: Environment): string | null {
  const token = readSecret(env, 'GANTRY_TOKEN');
  // A client sends it in a header.
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
