import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import * as fc from 'fast-check';
import { natsUrlFrom, redisUrlFrom } from '../../src/app/server-settings.ts';
import { natsRefusal } from '../../src/infra/nats/nats-refusals.ts';
import { LEAST_STREAMS_MB, lessStreams, STREAMS_MB, streamSizes } from '../../src/infra/nats/stream-sizes.ts';
import { redisTrouble } from '../../src/infra/redis/trouble.ts';
import { natsContext, natsOptions, natsUser, shownNats, withNatsLogin } from '../../src/servers/nats-url.ts';
import { redisOptions, shownRedis, withRedisLogin } from '../../src/servers/redis-url.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const code = 'CONFIG_INVALID';

describe('the URL of NATS', () => {
  it('holds user and password, or a token, whatever they consist of', () => {
    const login = (url: string) => {
      const { servers, user, pass, token } = natsOptions(url);
      return { servers, user, pass, token };
    };
    const of = (more: object) => ({ servers: ['h:4222'], user: undefined, pass: undefined, token: undefined, ...more });
    assert.deepEqual(login('nats://u:p@h:4222'), of({ user: 'u', pass: 'p' }));
    assert.deepEqual(login('nats://u:1234@h'), of({ user: 'u', pass: '1234' }), 'a numeric password is no port');
    assert.deepEqual(login('nats://TOKEN@h'), of({ token: 'TOKEN' }));
    assert.deepEqual(login('nats://u:p%40ss%2Fw%3Ard@h'), of({ user: 'u', pass: 'p@ss/w:rd' }));
    assert.deepEqual(login('nats://u:p@ss/w?r#d@h'), of({ user: 'u', pass: 'p@ss/w?r#d' }));
    assert.deepEqual(login('nats://u:100%@h'), of({ user: 'u', pass: '100%' }));
    assert.deepEqual(login('h'), of({}));
    assert.deepEqual(login('nats://u:@h'), of({ user: 'u', pass: '' }));
  });

  it('may be a list, with IPv6, without ports, with the login on the first only', () => {
    const { servers, user, pass } = natsOptions('nats://u:p@a, nats://[::1]:5000 ,tls://c:1');
    assert.deepEqual({ servers, user, pass }, { servers: ['a:4222', '[::1]:5000', 'c:1'], user: 'u', pass: 'p' });
    assert.throws(() => natsOptions('nats://u:p@a,nats://u:q@b'), /logged in at alike/u);
    assert.deepEqual(natsOptions('nats://u:1,2@a,b').servers, ['a:4222', 'b:4222']);
    assert.equal(natsOptions('nats://u:1,2@a').pass, '1,2');
    assert.deepEqual(natsOptions('tls://a,b').tls, {});
  });

  it('means TLS by tls:// and by a file for it', () => {
    assert.equal(natsOptions('nats://h').tls, undefined);
    assert.deepEqual(natsOptions('tls://h').tls, {});
    const files = { ca: '/c a.pem', cert: '/cert.pem', key: '/key.pem' };
    const url = withNatsLogin('nats://h', { files });
    assert.deepEqual(natsOptions(url).tls, { caFile: '/c a.pem', certFile: '/cert.pem', keyFile: '/key.pem' });
  });

  it('is refused with a reason that holds no secret', () => {
    for (const url of [
      'http://u:geheim@h',
      'nats://u:geheim@h:99999',
      'nats://u:geheim@',
      'nats://u:geheim@h?x=1',
      '',
      ','.repeat(50),
      `nats://geheim@${'h'.repeat(5_000)}`,
    ]) {
      assert.throws(
        () => natsOptions(url),
        (error: Error) =>
          error.name === 'ServerUrlError' && !error.message.includes('geheim') && error.message.length < 300,
        url.slice(0, 40),
      );
    }
  });

  it('is shown without password and token', () => {
    assert.equal(shownNats('nats://u:geheim@h:1,nats://h2'), 'nats://u:***@h:1, nats://h2:4222');
    assert.equal(shownNats('nats://geheim@h'), 'nats://***@h:4222');
    assert.equal(shownNats('ftp://u:geheim@h'), 'a URL that cannot be read');
    const text = fc
      .string({ minLength: 3 })
      .filter((each) => !'nats://user:***@host:4222 a URL that cannot be read, '.includes(each));
    fc.assert(
      fc.property(text, fc.boolean(), (secret, isToken) => {
        const login = isToken ? { token: secret } : { user: 'user', password: secret };
        const url = withNatsLogin('nats://host', { ...login, files: {} });
        const { pass, token } = natsOptions(url);
        assert.equal(isToken ? token : pass, secret, 'it comes through whole');
        assert.ok(!shownNats(url).includes(secret));
        assert.ok(!shownNats(`nats://u:${secret}@host`).includes(secret));
        if (!secret.includes(':')) assert.ok(!shownNats(`nats://${secret}@host`).includes(secret));
      }),
    );
  });

  it('becomes a context of the NATS CLI', () => {
    assert.deepEqual(natsContext('nats://u:p%40@h,tls://g:1'), {
      description: 'Gantry',
      url: 'nats://h:4222,tls://g:1',
      user: 'u',
      password: 'p@',
    });
    assert.deepEqual(natsContext('nats://T@h'), { description: 'Gantry', url: 'nats://h:4222', token: 'T' });
    assert.deepEqual(natsContext('nats://h?creds=%2Fa%40b.creds&ca=%2Fca'), {
      description: 'Gantry',
      url: 'nats://h:4222',
      creds: '/a@b.creds',
      ca: '/ca',
    });
  });
});

describe('the URL of Redis', () => {
  it('holds user, password and database', () => {
    assert.deepEqual(redisOptions('redis://h'), { host: 'h', port: 6379 });
    assert.deepEqual(redisOptions('redis://:p@h:1/3'), { host: 'h', port: 1, password: 'p', db: 3 });
    assert.deepEqual(redisOptions('redis://acl:p%40%3A%2F@[::1]:7'), {
      host: '::1',
      port: 7,
      username: 'acl',
      password: 'p@:/',
    });
    assert.deepEqual(redisOptions('redis://pw@h'), { host: 'h', port: 6379, password: 'pw' });
    assert.deepEqual(redisOptions('rediss://h'), { host: 'h', port: 6379, tls: {} });
    assert.deepEqual(redisOptions('/run/redis.sock?db=2'), { path: '/run/redis.sock', db: 2 });
    assert.deepEqual(redisOptions('unix:///run/redis.sock?password=p'), { path: '/run/redis.sock', password: 'p' });
    assert.equal(
      withRedisLogin('/run/r.sock', { user: 'u', password: 'p&', files: {} }),
      '/run/r.sock?user=u&password=p%26',
    );
    for (const url of ['http://h', 'redis://h/x', 'redis://h?ca=/x', 'redis://h:0'])
      assert.throws(() => redisOptions(url), { name: 'ServerUrlError' }, url);
  });

  it('is shown without its password', () => {
    assert.equal(shownRedis('redis://u:geheim@h/1'), 'redis://u:***@h:6379/1');
    assert.equal(shownRedis('redis://geheim@h'), 'redis://***@h:6379');
    assert.equal(shownRedis('/run/r.sock?password=geheim'), '/run/r.sock');
    assert.equal(shownRedis('redis://u:geheim@h:x'), 'a URL that cannot be read');
  });
});

describe('the settings of an operator', () => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = temporaryFolder();
    file = join(folder, 'secret');
    await writeFile(file, 'from a file\n');
  });

  it('are put into the URL', () => {
    const nats = (env: Record<string, string>) => natsOptions(natsUrlFrom({ NATS_URL: 'nats://h', ...env }) ?? '');
    assert.equal(natsUrlFrom({}), null);
    assert.equal(natsUrlFrom({ NATS_URL: '' }), null);
    assert.equal(nats({ NATS_USER: 'u', NATS_PASSWORD_FILE: file }).pass, 'from a file');
    assert.equal(nats({ NATS_URL: 'nats://u@h', NATS_PASSWORD: 'p' }).user, 'u', 'the name is from the URL');
    assert.equal(nats({ NATS_TOKEN: 't@,' }).token, 't@,');
    assert.equal(typeof nats({ NATS_CREDS: file }).authenticator, 'function');
    assert.deepEqual(nats({ NATS_CA: file }).tls, { caFile: file });
    assert.equal(redisUrlFrom({ REDIS_URL: 'off' }), 'off');
    assert.equal(
      redisUrlFrom({ REDIS_URL: 'redis://h/2', REDIS_USER: 'u', REDIS_PASSWORD: '%:' }),
      'redis://u:%25%3A@h:6379/2',
    );
    assert.equal(redisUrlFrom({ REDIS_URL: 'redis://h', REDIS_CA: file })?.startsWith('rediss://h:6379?ca='), true);
  });

  it('are refused by name when they contradict each other or lack something', () => {
    const refused = (env: Record<string, string>, says: RegExp): void => {
      assert.throws(
        () => [natsUrlFrom(env), redisUrlFrom(env)],
        (error: Error & { code?: string }) =>
          error.code === code && says.test(error.message) && !error.message.includes('geheim'),
      );
    };
    refused({ NATS_USER: 'u', NATS_PASSWORD: 'geheim' }, /NATS_URL, the server it is for, is not/u);
    refused({ NATS_URL: 'nats://h', NATS_USER: 'u' }, /NATS_PASSWORD/u);
    refused({ NATS_URL: 'nats://h', NATS_TOKEN: 'geheim', NATS_CREDS: file }, /NATS_TOKEN and NATS_CREDS/u);
    refused({ NATS_URL: 'nats://h', NATS_CERT: file }, /NATS_CERT and NATS_KEY belong together/u);
    refused({ NATS_URL: 'nats://h', NATS_CA: join(folder, 'none') }, /NATS_CA: the file ".*none" cannot be read/u);
    refused({ NATS_URL: 'wss://u:geheim@h' }, /^NATS_URL: "wss:\/\/" is not understood/u);
    refused({ REDIS_URL: 'redis://u:geheim@h:port' }, /^REDIS_URL: "h:port" is no host/u);
    refused({ REDIS_PASSWORD: 'geheim' }, /REDIS_URL, the server it is for, is not/u);
  });
});

describe('streams on a small server', () => {
  const full = new Map(
    [
      ['A', 1_024],
      ['B', 256],
      ['C', 64],
    ].map(([name, mb]) => [String(name), Number(mb) * 1024 ** 2]),
  );

  it('keep their proportions, are never more than the room, and never less than three large messages', () => {
    fc.assert(
      fc.property(fc.integer({ min: LEAST_STREAMS_MB, max: 100_000 }), (mb) => {
        const sizes = [...streamSizes(full, mb).values()];
        assert.ok(sizes.reduce((sum, bytes) => sum + bytes, 0) <= mb * 1024 ** 2);
        assert.ok(sizes.every((bytes) => bytes >= 3 * 1024 ** 2));
        assert.deepEqual(
          sizes,
          sizes.toSorted((a, b) => b - a),
        );
      }),
    );
    assert.deepEqual(streamSizes(full, 1_344), full);
    assert.ok(
      [...streamSizes(full, 1_344, 1e6).values()].every((bytes) => bytes === 1e6),
      'an account may bound each stream',
    );
  });

  it('are made smaller in few steps', () => {
    let steps = 0;
    for (let mb: number | null = STREAMS_MB; mb !== null; mb = lessStreams(mb)) steps += 1;
    assert.ok(steps > 5 && steps < 25, `${steps} steps`);
  });
});

describe('what servers refuse', () => {
  it('Redis is named by its own word, with the server and without the password', () => {
    const url = 'redis://gan:geheim@h:1';
    const said = {
      READONLY: "READONLY You can't write against a read only replica.",
      OOM: "OOM command not allowed when used memory > 'maxmemory'.",
      MISCONF: 'MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.',
      NOAUTH: 'NOAUTH Authentication required.',
      WRONGPASS: 'WRONGPASS invalid username-password pair or user is disabled.',
      NOPERM: "NOPERM User gan has no permissions to run the 'set' command",
      LOADING: 'LOADING Redis is loading the dataset in memory',
      CLUSTERDOWN: 'CLUSTERDOWN Hash slot not served',
      MOVED: 'MOVED 3999 127.0.0.1:6381',
      NOREPLICAS: 'NOREPLICAS Not enough good replicas to write.',
      MASTERDOWN: 'MASTERDOWN Link with MASTER is down',
      BUSY: 'BUSY Redis is busy running a script.',
      DENIED: '-DENIED Redis is running in protected mode',
    };
    for (const [word, message] of Object.entries(said)) {
      const trouble = redisTrouble(new Error(message), url);
      assert.equal(trouble?.code, word);
      assert.match(trouble.message, new RegExp(`^Redis at redis://gan:\\*\\*\\*@h:1.*${word}, `, 'u'));
      assert.ok(!trouble.message.includes('geheim'));
    }
    assert.equal(
      redisTrouble(new Error('ERR Error running script: @user_script:10: -READONLY You can'), url)?.code,
      'READONLY',
    );
    assert.equal(
      redisTrouble(Object.assign(new Error('self-signed'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), url)?.code,
      'TLS',
    );
    for (const message of [
      'connect ECONNREFUSED 127.0.0.1:1',
      'Command timed out',
      'WRONGTYPE Operation',
      'constructor x',
      '',
    ])
      assert.equal(redisTrouble(new Error(message), url), null);
    assert.equal(redisTrouble(new Error('x'.repeat(10_000_000)), url), null);
  });

  it('NATS is named with the server, the user, and what to do', () => {
    const violation = Object.assign(new Error("'Authorization Violation'"), { code: 'AUTHORIZATION_VIOLATION' });
    const refusal = natsRefusal(violation, 'nats://gan:geheim@h:1');
    assert.equal(refusal?.kind, 'login');
    assert.match(refusal.message, /NATS at nats:\/\/gan:\*\*\*@h:1 refuses user "gan".*NATS_PASSWORD/u);
    assert.ok(!natsRefusal(violation, 'nats://geheim@h')?.message.includes('geheim'));
    assert.equal(natsUser('nats://geheim@h'), 'the token');
    assert.equal(natsRefusal(new Error('CONNECTION_REFUSED'), 'nats://h'), null);
  });
});
