import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { InfraError } from '../infra/infra-error.ts';
import { secretFromEnv } from '../keys/env-secret.ts';
import { type NatsFile, withNatsLogin } from '../servers/nats-url.ts';
import { type RedisFile, withRedisLogin } from '../servers/redis-url.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The variables of the NATS CLI, with the same meaning. */
const NATS_FILES: Readonly<Record<string, NatsFile>> = {
  NATS_CA: 'ca',
  NATS_CERT: 'cert',
  NATS_KEY: 'key',
  NATS_NKEY: 'nkey',
  NATS_CREDS: 'creds',
};
const REDIS_FILES: Readonly<Record<string, RedisFile>> = { REDIS_CA: 'ca', REDIS_CERT: 'cert', REDIS_KEY: 'key' };

/**
 * The URL of the NATS that the environment names, with everything to log in; null for none. Throws `CONFIG_INVALID`
 * with the variable's name.
 */
export function natsUrlFrom(env: Env): string | null {
  const url = secret(env, 'NATS_URL');
  const files = filesOf(env, NATS_FILES);
  const login = {
    ...given('user', text(env, 'NATS_USER')),
    ...given('password', secret(env, 'NATS_PASSWORD')),
    ...given('token', secret(env, 'NATS_TOKEN')),
  };
  const ways = [
    'user' in login || 'password' in login ? 'NATS_USER and NATS_PASSWORD' : '',
    'token' in login ? 'NATS_TOKEN' : '',
    files.nkey === undefined ? '' : 'NATS_NKEY',
    files.creds === undefined ? '' : 'NATS_CREDS',
  ].filter((way) => way !== '');
  if (url === null)
    return without('NATS_URL', [...ways, ...Object.keys(files).map((file) => `NATS_${file.toUpperCase()}`)]);
  if (ways.length > 1) throw invalid('NATS_URL', `${ways.join(' and ')} are alternatives: set one of them`);
  if ('user' in login && !('password' in login) && !url.includes('@')) {
    throw invalid('NATS_PASSWORD', 'NATS_USER needs NATS_PASSWORD or NATS_PASSWORD_FILE');
  }
  needBoth(files, 'NATS');
  return checked('NATS_URL', () => withNatsLogin(url, { ...login, files }));
}

/** As {@link natsUrlFrom} for Redis, or `off`. */
export function redisUrlFrom(env: Env): string | null {
  const url = secret(env, 'REDIS_URL');
  const files = filesOf(env, REDIS_FILES);
  const login = { ...given('user', text(env, 'REDIS_USER')), ...given('password', secret(env, 'REDIS_PASSWORD')) };
  if (url === null) {
    const names = [...Object.keys(login), ...Object.keys(files)].map((name) => `REDIS_${name.toUpperCase()}`);
    return without('REDIS_URL', names);
  }
  if (url === 'off') return url;
  needBoth(files, 'REDIS');
  return checked('REDIS_URL', () => withRedisLogin(url, { ...login, files }));
}

const text = (env: Env, name: string): string | null =>
  env[name] === undefined || env[name] === '' ? null : env[name];

const given = <K extends string>(name: K, value: string | null): Partial<Record<K, string>> =>
  value === null ? {} : ({ [name]: value } as Record<K, string>);

function secret(env: Env, name: string): string | null {
  const found = secretFromEnv(env, name);
  if ('problem' in found) throw invalid(name, found.problem);
  return found.secret;
}

/** Absolute paths, because a tool that reads the runtime file may run in another folder. */
function filesOf<F extends string>(env: Env, known: Readonly<Record<string, F>>): Partial<Record<F, string>> {
  const files: Partial<Record<F, string>> = {};
  for (const [name, file] of Object.entries(known)) {
    const path = text(env, name);
    if (path === null) continue;
    try {
      accessSync(path, constants.R_OK);
    } catch (thrown) {
      throw invalid(name, `${name}: the file "${path}" cannot be read`, thrown);
    }
    files[file] = resolve(path);
  }
  return files;
}

/** Refuses login settings without a URL: embedded servers need none, so the server they are meant for is missing. */
function without(name: string, settings: readonly string[]): null {
  if (settings.length > 0)
    throw invalid(name, `${settings.join(', ')} is set, but ${name}, the server it is for, is not`);
  return null;
}

function needBoth(files: Readonly<{ cert?: string; key?: string }>, prefix: string): void {
  if ((files.cert === undefined) === (files.key === undefined)) return;
  throw invalid(`${prefix}_CERT`, `${prefix}_CERT and ${prefix}_KEY belong together: one of them is missing`);
}

function checked<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw invalid(name, `${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, thrown);
  }
}

const invalid = (field: string, message: string, cause?: unknown): InfraError =>
  new InfraError('CONFIG_INVALID', message, { field }, cause);
