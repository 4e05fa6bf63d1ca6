import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { nkeys } from 'nats';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { withNatsLogin } from '../../src/servers/nats-url.ts';
import { makeCertificates } from '../support/certificates.ts';
import { memoryLog } from '../support/log.ts';
import { ownNats } from '../support/own-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

/** Far less than the start time-out: what cannot get better by waiting is not waited for. */
const QUICK_MS = 30_000;
const START_MS = 90_000;

const open = async (t: Pick<TestContext, 'after'>, url: string, log = memoryLog()): Promise<NatsBus> => {
  const bus = await NatsBus.open({ url, startTimeoutMs: START_MS, log });
  t.after(() => bus.close());
  return bus;
};

/** Opens and uses it. */
const works = async (t: Pick<TestContext, 'after'>, url: string): Promise<void> => {
  const bus = await open(t, url);
  assert.equal(bus.state(), 'connected');
  assert.equal(bus.notice(), null);
};

/** Refused soon, with a message that fits and holds no secret. */
const isRefused = async (url: string, says: RegExp): Promise<void> => {
  const began = performance.now();
  await assert.rejects(NatsBus.open({ url, startTimeoutMs: START_MS, log: memoryLog() }), (error: Error) => {
    assert.match(error.message, says);
    assert.ok(!/geheim|wrong-one/u.test(error.message), error.message);
    return true;
  });
  assert.ok(performance.now() - began < QUICK_MS, 'it is said soon');
};

// Side by side: each has servers of its own, and mostly waits for them.
describe('logging in at a NATS of the operator', { concurrency: true }, () => {
  it('with user and password, as they stand or escaped, from the URL or set apart', async (t) => {
    for (const password of ['geheim', '12345678', 'p@ss/w:rd#?%', 'a b,c']) {
      const { port } = await ownNats(t, `authorization { user: gan, password: ${JSON.stringify(password)} }`);
      await works(t, `nats://gan:${encodeURIComponent(password)}@127.0.0.1:${port}`);
      await works(t, withNatsLogin(`nats://127.0.0.1:${port}`, { user: 'gan', password, files: {} }));
      if (!password.includes(',')) await works(t, `nats://gan:${password}@127.0.0.1:${port}`);
    }
  });

  it('with a token', async (t) => {
    const { port } = await ownNats(t, 'authorization { token: "geheim-12:34" }');
    await works(t, `nats://${encodeURIComponent('geheim-12:34')}@127.0.0.1:${port}`);
    await isRefused(`nats://wrong-one@127.0.0.1:${port}`, /refuses the token .*NATS_TOKEN/u);
  });

  it('with an nkey', async (t) => {
    const pair = nkeys.createUser();
    const seed = join(temporaryFolder(), 'user.nk');
    await writeFile(seed, `${Buffer.from(pair.getSeed()).toString('utf8')}\n`);
    const { port } = await ownNats(t, `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`);
    await works(t, withNatsLogin(`nats://127.0.0.1:${port}`, { files: { nkey: seed } }));
    const other = join(temporaryFolder(), 'other.nk');
    await writeFile(other, nkeys.createUser().getSeed());
    await isRefused(
      withNatsLogin(`nats://127.0.0.1:${port}`, { files: { nkey: other } }),
      /refuses the nkey of .*other\.nk/u,
    );
    await writeFile(other, 'no seed');
    await isRefused(
      withNatsLogin(`nats://127.0.0.1:${port}`, { files: { nkey: other } }),
      /cannot be used \(the nkey of .*other\.nk\)/u,
    );
  });

  it('with a credentials file', async (t) => {
    const [operator, account, system, user] = [
      nkeys.createOperator(),
      nkeys.createAccount(),
      nkeys.createAccount(),
      nkeys.createUser(),
    ];
    const jwt = (claims: object, issuer: typeof operator): string => {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const iat = Math.floor(Date.now() / 1_000);
      const payload = { jti: 'test', iat, iss: issuer.getPublicKey(), ...claims };
      const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part(payload)}`;
      return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
    };
    const unlimited = { subs: -1, data: -1, payload: -1 };
    const limits = {
      ...unlimited,
      imports: -1,
      exports: -1,
      wildcards: true,
      conn: -1,
      leaf: -1,
      mem_storage: -1,
      disk_storage: -1,
      streams: -1,
      consumer: -1,
    };
    const accountJwt = jwt(
      { name: 'A', sub: account.getPublicKey(), nats: { limits, type: 'account', version: 2 } },
      operator,
    );
    const userJwt = jwt(
      { name: 'u', sub: user.getPublicKey(), nats: { ...unlimited, pub: {}, sub: {}, type: 'user', version: 2 } },
      account,
    );
    const systemJwt = jwt(
      {
        name: 'SYS',
        sub: system.getPublicKey(),
        nats: { limits: { ...limits, disk_storage: 0, mem_storage: 0 }, type: 'account', version: 2 },
      },
      operator,
    );
    const operatorJwt = jwt(
      {
        name: 'O',
        sub: operator.getPublicKey(),
        nats: { type: 'operator', version: 2, system_account: system.getPublicKey() },
      },
      operator,
    );
    const creds = join(temporaryFolder(), 'user.creds');
    const block = (kind: string, text: string): string => `-----BEGIN ${kind}-----\n${text}\n------END ${kind}------\n`;
    await writeFile(
      creds,
      `${block('NATS USER JWT', userJwt)}\n${block('USER NKEY SEED', Buffer.from(user.getSeed()).toString('utf8'))}`,
    );
    const { port } = await ownNats(
      t,
      `operator: ${operatorJwt}\nsystem_account: ${system.getPublicKey()}\nresolver: MEMORY\n` +
        `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
    );
    await works(t, withNatsLogin(`nats://127.0.0.1:${port}`, { files: { creds } }));
    await isRefused(`nats://127.0.0.1:${port}`, /refuses a client without user and password/u);
  });

  it('over TLS, also with a certificate of the client; never in clear when TLS is asked for', async (t) => {
    const { caFile, server, client } = await makeCertificates(temporaryFolder());
    const tls = (more = ''): string =>
      `tls { cert_file: "${server.certFile}", key_file: "${server.keyFile}", ca_file: "${caFile}" ${more} }`;
    const files = { ca: caFile, cert: client.certFile, key: client.keyFile };
    const one = await ownNats(t, tls());
    await works(t, withNatsLogin(`tls://127.0.0.1:${one.port}`, { files: { ca: caFile } }));
    await works(t, withNatsLogin(`nats://127.0.0.1:${one.port}`, { files: { ca: caFile } }));
    await isRefused(`tls://gan:geheim@127.0.0.1:${one.port}`, /no TLS connection to .*NATS_CA/u);
    const mutual = await ownNats(t, tls(', verify: true'));
    await works(t, withNatsLogin(`tls://127.0.0.1:${mutual.port}`, { files }));
    const withoutCertificate = withNatsLogin(`tls://127.0.0.1:${mutual.port}`, { files: { ca: caFile } });
    await assert.rejects(
      NatsBus.open({ url: withoutCertificate, startTimeoutMs: 2_000, log: memoryLog() }),
      /certificate of the client, which NATS_CERT/u,
    );
    const clear = await ownNats(t, '');
    await isRefused(`tls://gan:geheim@127.0.0.1:${clear.port}`, /offers no TLS/u);
  });

  it('of a list, of which the first is away and alone names the login; by IPv6', async (t) => {
    const { port } = await ownNats(t, 'authorization { user: gan, password: geheim }', '::1').catch(() => ({
      port: 0,
    }));
    if (port === 0) return t.skip('this machine has no IPv6');
    await works(t, `nats://gan:geheim@127.0.0.1:9,nats://[::1]:${port}`);
  });

  it('with a wrong password says so at once', async (t) => {
    const { port } = await ownNats(t, 'authorization { user: gan, password: geheim }');
    await isRefused(
      `nats://gan:wrong-one@127.0.0.1:${port}`,
      /NATS at nats:\/\/gan:\*\*\*@127\.0\.0\.1:\d+ refuses user "gan"/u,
    );
    await isRefused(`nats://127.0.0.1:${port}`, /refuses a client without user and password/u);
  });

  it('says so when the password changes while it runs, and comes back when it is the old one again', async (t) => {
    const before = 'authorization { user: gan, password: geheim }';
    const server = await ownNats(t, before);
    const log = memoryLog();
    const bus = await open(t, `nats://gan:geheim@127.0.0.1:${server.port}`, log);
    await server.start('authorization { user: gan, password: another }');
    await until('it is said', () => bus.link.trouble !== null);
    assert.equal(bus.state(), 'reconnecting');
    assert.match(bus.notice() ?? '', /refuses user "gan"/u);
    assert.ok(log.lines.some(({ message }) => /refuses user "gan"/u.test(message)));
    assert.ok(!JSON.stringify(log.lines).includes('geheim'));
    await server.start(before);
    await until('it is back', () => bus.state() === 'connected' && bus.notice() === null);
  });
});

describe('a NATS that cannot serve', { concurrency: true }, () => {
  it('because the user may not use JetStream, or the account has none', async (t) => {
    const closed = await ownNats(
      t,
      'authorization { users: [ { user: gan, password: geheim, ' +
        'permissions: { publish: "other", subscribe: "_INBOX.>" } } ] }',
    );
    await isRefused(
      `nats://gan:geheim@127.0.0.1:${closed.port}`,
      /does not let user "gan" publish on "\$JS\.API.*it needs publish on "\$JS\.API\.>"/u,
    );
    const without = await ownNats(
      t,
      'accounts: { A: { users: [ { user: gan, password: geheim } ] }, ' +
        'B: { jetstream: enabled, users: [ { user: b, password: b } ] } }',
    );
    await isRefused(`nats://gan:geheim@127.0.0.1:${without.port}`, /has no JetStream for user "gan": enable it/u);
  });

  it('because it is too old', async (t) => {
    const old = createServer((socket) => {
      socket.write('INFO {"server_id":"x","version":"2.2.6","proto":1,"max_payload":1048576,"headers":true}\r\n');
      socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'));
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
    t.after(() => new Promise((resolve) => old.close(resolve)));
    const address = old.address();
    assert.ok(typeof address === 'object' && address !== null);
    await isRefused(`nats://127.0.0.1:${address.port}`, /is version 2\.2\.6: Gantry needs 2\.9 or newer/u);
  });

  it('says what it may not do while it runs', async (t) => {
    const server = await ownNats(
      t,
      'authorization { users: [ { user: gan, password: geheim, ' +
        'permissions: { publish: { deny: "forbidden" } } } ] }',
    );
    const bus = await open(t, `nats://gan:geheim@127.0.0.1:${server.port}`);
    bus.broadcast('forbidden', {});
    await until('it is said', () => /does not let user "gan" publish on "forbidden"/u.test(bus.notice() ?? ''));
  });
});
