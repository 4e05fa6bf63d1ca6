import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { checkListener, listenerNotices, type Resolve } from '../../src/app/listener.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { sealerFromEnv } from '../../src/key-admin/seal.ts';
import { secretFromEnv } from '../../src/keys/env-secret.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TOKEN = 'a-token-of-the-operator-123';

const misuse = (field: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof InfraError, String(error));
  assert.deepEqual({ code: error.code, field: error.fields['field'] }, { code: 'CONFIG_INVALID', field });
  assert.match(error.message, message);
  return true;
};

describe('a listener', () => {
  const check = (host: string, more: { token?: string; open?: boolean } = {}, resolve?: Resolve) =>
    checkListener({ host, token: more.token ?? null, open: more.open ?? false }, resolve);
  const named: Resolve = async (name) =>
    name === 'loop'
      ? [
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ]
      : name === 'both'
        ? [
            { address: '127.0.0.1', family: 4 },
            { address: '192.0.2.7', family: 4 },
          ]
        : [];

  it('on this machine needs no token', async () => {
    const local = ['127.0.0.1', '127.8.9.1', '127.1', '::1', '::ffff:127.0.0.1', 'localhost'];
    for (const host of local) assert.deepEqual(await check(host), [], host);
    assert.deepEqual(await check('loop', {}, named), []);
  });

  it('beyond this machine is refused without one, with what to do', async () => {
    const refused = misuse('host', /GANTRY_TOKEN.*openssl.*GANTRY_OPEN=yes/u);
    for (const host of [
      '0.0.0.0',
      '0',
      '::',
      '::ffff:0.0.0.0',
      '::ffff:192.0.2.7',
      '192.0.2.7',
      '10.0.0.8',
      'fe80::1',
      '2001:db8::1',
    ]) {
      await assert.rejects(check(host), refused, host);
    }
    for (const host of ['both', 'nothing']) await assert.rejects(check(host, {}, named), refused, host);
    await assert.rejects(check('no-such-host.invalid'), misuse('host', /resolves to no address/u));
  });

  it('beyond this machine is opened for a token, or when the operator insists, who is told so', async () => {
    assert.deepEqual(await check('0.0.0.0', { token: TOKEN }), []);
    assert.deepEqual(await check('0.0.0.0', { token: TOKEN, open: true }), []);
    const [notice, ...more] = await check('0.0.0.0', { open: true });
    assert.match(notice ?? '', /anyone who reaches 0\.0\.0\.0 .*GANTRY_TOKEN/u);
    assert.deepEqual({ more, local: await check('127.0.0.1', { open: true }) }, { more: [], local: [] });
  });

  it('with a token that can be guessed is warned of here and refused beyond', async () => {
    assert.match((await check('127.0.0.1', { token: 'letmein' })).join(), /fewer than 12 characters/u);
    await assert.rejects(check('0.0.0.0', { token: 'elevenchars' }), misuse('host', /fewer than 12.*GANTRY_OPEN=yes/u));
    assert.match((await check('0.0.0.0', { token: 'elevenchars', open: true })).join(), /fewer than 12 characters/u);
    assert.deepEqual(await check('0.0.0.0', { token: 'twelve-chars' }), []);
  });
});

describe('a listener without a token', () => {
  const config = { host: '0.0.0.0', token: null, open: false };

  it('beyond this machine is left to the users, where there may be some', async () => {
    const log = memoryLog();
    const checked = await listenerNotices(config, true, log);
    assert.match(checked.withoutUsers?.message ?? '', /no access token is set.*gantry -- users add/u);
    await assert.rejects(listenerNotices(config, false, log), misuse('host', /no access token is set/u));
    const local = await listenerNotices({ ...config, host: '127.0.0.1' }, true, log);
    assert.deepEqual(local, { notices: [], withoutUsers: null });
    const open = await listenerNotices({ ...config, open: true }, true, log);
    assert.deepEqual([open.notices.length, open.withoutUsers], [1, null]);
    const short = { ...config, token: 'short' };
    await assert.rejects(
      listenerNotices(short, true, log),
      misuse('host', /can be guessed/u),
      'a token that is too short',
    );
  });
});

describe('settings of access', () => {
  const read = (env: Record<string, string>) => {
    const config = readConfig([], env);
    assert.ok(config !== 'help');
    return config;
  };

  it('are read in one form, and are closed by default', () => {
    const { token, open, allowedHosts, corsOrigins, embedOrigins, basePath } = read({
      GANTRY_TOKEN: '',
      GANTRY_OPEN: '',
    });
    assert.deepEqual(
      { token, open, allowedHosts, corsOrigins, embedOrigins, basePath },
      { token: null, open: false, allowedHosts: [], corsOrigins: [], embedOrigins: [], basePath: '' },
    );
    const set = read({
      GANTRY_TOKEN: TOKEN,
      GANTRY_OPEN: 'yes',
      GANTRY_ALLOWED_HOSTS: ' Gantry.example , [::1]:80,',
      GANTRY_CORS_ORIGINS: 'https://Portal.example:443',
      GANTRY_EMBED_ORIGINS: 'https://wall.example',
      GANTRY_BASE_PATH: '/gantry/',
    });
    assert.deepEqual(
      { token: set.token, open: set.open, allowedHosts: set.allowedHosts },
      { token: TOKEN, open: true, allowedHosts: ['gantry.example', '[::1]:80'] },
    );
    assert.deepEqual(
      [set.corsOrigins, set.embedOrigins, set.basePath],
      [['https://portal.example'], ['https://wall.example'], '/gantry'],
    );
  });

  it('are refused by name', () => {
    const cases: readonly (readonly [string, string])[] = [
      ...['1', 'true', 'YES', 'no', ' yes'].map((value) => ['GANTRY_OPEN', value] as const),
      ...['https://a.example', '*'].map((value) => ['GANTRY_ALLOWED_HOSTS', value] as const),
      ...['*', 'null', 'portal.example', 'https://a.example/x'].map((value) => ['GANTRY_CORS_ORIGINS', value] as const),
      ...['*', 'https://*.example'].map((value) => ['GANTRY_EMBED_ORIGINS', value] as const),
      ...['gantry', '/a/../b', '/api'].map((value) => ['GANTRY_BASE_PATH', value] as const),
    ];
    for (const [name, value] of cases) {
      const names = (error: Error): boolean =>
        misuse(name, /./u)(error) && error.message.startsWith(`${name} must `) && error.message.includes(`"${value}"`);
      assert.throws(() => read({ [name]: value }), names, `${name}=${value}`);
    }
    for (const token of ['two words', 'line\nbreak', 'tökén-tökén-tökén', 'x'.repeat(1_025)]) {
      assert.throws(
        () => read({ GANTRY_TOKEN: token }),
        (error: Error) => misuse('GANTRY_TOKEN', /^GANTRY_TOKEN must/u)(error) && !error.message.includes(token),
      );
    }
  });
});

describe('a secret of the environment', () => {
  const folder = (): ((name: string, content: string) => string) => {
    const path = temporaryFolder();
    return (name, content) => {
      writeFileSync(join(path, name), content);
      return join(path, name);
    };
  };
  const problem = (env: Record<string, string>): string => {
    const found = secretFromEnv(env, 'S');
    assert.ok('problem' in found);
    return found.problem;
  };

  it('stands in the variable, or in the file that the other one names', () => {
    const write = folder();
    assert.deepEqual(secretFromEnv({}, 'S'), { secret: null });
    assert.deepEqual(secretFromEnv({ S: '', S_FILE: '' }, 'S'), { secret: null });
    assert.deepEqual(secretFromEnv({ S: ' as it is ' }, 'S'), { secret: ' as it is ' });
    assert.deepEqual(secretFromEnv({ S: '', S_FILE: write('a', 'from a file\r\n') }, 'S'), { secret: 'from a file' });
  });

  it('is refused with the name of the variable when it is unreadable, empty, too large or there twice', () => {
    const write = folder();
    const file = write('a', 'hidden');
    assert.match(problem({ S: 'hidden', S_FILE: file }), /^S and S_FILE are both set/u);
    assert.match(problem({ S_FILE: `${file}.none` }), /^S_FILE: .*\.none cannot be read \(ENOENT\)$/u);
    assert.match(problem({ S_FILE: tmpdir() }), /cannot be read \(EISDIR\)$/u);
    assert.match(problem({ S_FILE: write('b', ' \n') }), /is empty$/u);
    assert.match(problem({ S_FILE: write('c', 'x'.repeat(4_097)) }), /more than 4096 bytes/u);
    assert.match(problem({ S_FILE: '/dev/zero' }), /more than 4096 bytes/u);
    assert.ok(!problem({ S: 'hidden', S_FILE: file }).includes('hidden'));
  });

  it('is read so for the token, for webhooks and for sealed keys', () => {
    const write = folder();
    const config = readConfig([], {
      GANTRY_TOKEN_FILE: write('t', `${TOKEN}\n`),
      GANTRY_HOOK_SECRET_FILE: write('h', 'sixteen-chars-ok\n'),
    });
    assert.ok(config !== 'help');
    assert.deepEqual(
      { token: config.token, hookSecret: config.hookSecret?.reveal() },
      { token: TOKEN, hookSecret: 'sixteen-chars-ok' },
    );
    for (const name of ['GANTRY_TOKEN', 'GANTRY_HOOK_SECRET']) {
      assert.throws(
        () => readConfig([], { [`${name}_FILE`]: '/no/such/file' }),
        misuse(name, new RegExp(`^${name}_FILE: /no/such/file`, 'u')),
      );
    }
    assert.ok(sealerFromEnv({ GANTRY_KEYS_SECRET_FILE: write('k', 'correct horse battery') }) !== null);
    assert.throws(
      () => sealerFromEnv({ GANTRY_KEYS_SECRET_FILE: write('e', '') }),
      /GANTRY_KEYS_SECRET_FILE: .* is empty/u,
    );
  });
});
