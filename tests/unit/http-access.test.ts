import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import { localTarget, readBasePath } from '../../src/http/access/base-path.ts';
import { corsAnswer } from '../../src/http/access/cors.ts';
import { hostAllowed, originAllowed, parseHost, readAllowedHosts, readOrigins } from '../../src/http/access/hosts.ts';
import { TICKET_LIFE_MS, Tickets } from '../../src/http/access/tickets.ts';
import { InfraError } from '../../src/infra/infra-error.ts';

const refuses = (read: () => unknown, field: string, value: string): void => {
  assert.throws(
    read,
    (error) => {
      assert.ok(error instanceof InfraError);
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.equal(error.fields['field'], field);
      assert.ok(error.message.startsWith(field) && error.message.includes(value), error.message);
      return true;
    },
    value,
  );
};

describe('hosts', () => {
  const none = readAllowedHosts([]);

  it('are answered to when they are addresses or local names, not when they are public names nobody allowed', () => {
    const local = [
      '127.0.0.1:8080',
      '[::1]:8080',
      '192.0.2.5',
      'localhost:1',
      'gantry:8080',
      'cam.local',
      'x.internal',
    ];
    for (const host of [...local, 'LOCALHOST', 'cam.local.', hostname()]) assert.ok(hostAllowed(host, none), host);
    const strange = ['evil.example:8080', 'rebind.network', 'ai.', '', undefined, '127.0.0.1.evil.example', 'a b'];
    const malformed = ['127.0.0.1#.evil.example', '127.0.0.1/evil', 'x@evil.example', '127.0.0.1:99999', '127.0.0.1:0'];
    for (const host of [...strange, ...malformed, 'a'.repeat(300)]) assert.ok(!hostAllowed(host, none), String(host));
  });

  it('are allowed whatever their case and port, or only with the port that stands there', () => {
    const entries = [
      'Gantry.Example.org',
      'cams.example:8443',
      'web.example:443',
      '2001:DB8:0::1',
      '[2001:db8::2]:8443',
    ];
    const allowed = readAllowedHosts([...entries, 'dotted.example.', 'bücher.example']);
    const fine = ['gantry.example.org', 'GANTRY.example.ORG:9', 'gantry.example.org.', 'cams.example:8443'];
    const withPort = ['web.example', 'web.example:443', 'dotted.example', 'xn--bcher-kva.example'];
    for (const host of [...fine, ...withPort]) assert.ok(hostAllowed(host, allowed), host);
    for (const host of ['cams.example', 'cams.example:9', 'web.example:80', 'a.gantry.example.org']) {
      assert.ok(!hostAllowed(host, allowed), host);
    }
    assert.deepEqual(parseHost('[2001:DB8:0:0::2]:8443'), { name: '[2001:db8::2]', port: 8443 });
  });

  it('are refused at the start, by name, when they are none', () => {
    const wrong = ['https://gantry.example', 'gantry.example/', '*', '*.gantry.example', 'a b', 'gantry.example:0'];
    for (const entry of [...wrong, 'gantry.example:70000', 'gantry.example:x', '[::1', 'user@host', ':8080']) {
      refuses(() => readAllowedHosts(['fine.example', entry]), 'GANTRY_ALLOWED_HOSTS', `"${entry}"`);
    }
    assert.throws(() => readAllowedHosts(Array.from({ length: 65 }, (_, i) => `h${i}.example`)), /at most 64/u);
  });
});

describe('origins', () => {
  const nobody = { hosts: readAllowedHosts([]), origins: new Set<string>() };

  it('of the same host may open a WebSocket, and programs that name none', () => {
    assert.ok(originAllowed('http://gantry.example:8080', 'gantry.example:8080', nobody));
    assert.ok(originAllowed('https://gantry.example', 'gantry.example:443', nobody));
    assert.ok(originAllowed('http://localhost', 'LOCALHOST:80', nobody));
    assert.ok(originAllowed('http://[::1]:8080', '[::1]:8080', nobody));
    assert.ok(originAllowed(undefined, 'localhost', nobody));
    const strange = ['http://evil.example', 'http://gantry.example:9090', 'null', '', 'file://', 'http://'];
    const alike = [
      'http://gantry.example.evil.example:8080',
      'http://gantry.example:8080@evil.example',
      'ws://gantry.example:8080',
    ];
    for (const origin of [...strange, ...alike, `http://${'a'.repeat(300)}`]) {
      assert.ok(!originAllowed(origin, 'gantry.example:8080', nobody), origin);
    }
    assert.ok(!originAllowed('http://a', undefined, nobody));
  });

  it('of allowed hosts and of the list may, behind a proxy that rewrites Host', () => {
    const allowed = {
      hosts: readAllowedHosts(['gantry.example', 'cams.example:8443', '[2001:db8::1]']),
      origins: new Set(readOrigins('GANTRY_CORS_ORIGINS', ['https://portal.example'])),
    };
    const fine = [
      'https://gantry.example',
      'http://GANTRY.example',
      'https://gantry.example:8443',
      'https://cams.example:8443',
    ];
    for (const origin of [...fine, 'https://[2001:db8::1]', 'https://portal.example', 'https://portal.example:443']) {
      assert.ok(originAllowed(origin, '127.0.0.1:8080', allowed), origin);
    }
    const strange = [
      'null',
      'https://evil.example',
      'https://cams.example',
      'http://portal.example',
      'https://x.gantry.example',
    ];
    for (const origin of strange) assert.ok(!originAllowed(origin, '127.0.0.1:8080', allowed), origin);
  });

  it('are kept as browsers write them, and refused at the start when they are none', () => {
    const entries = ['HTTPS://Portal.Example:443', 'http://localhost:3000', 'https://portal.example'];
    assert.deepEqual(readOrigins('X', entries), ['https://portal.example', 'http://localhost:3000']);
    const wrong = ['*', 'null', 'portal.example', 'https://*.example', 'https://a.example/', 'https://a.example/x'];
    for (const entry of [...wrong, 'file://', 'https://u@a.example', 'https://', 'ftp://a.example', 'https://a b']) {
      refuses(() => readOrigins('GANTRY_CORS_ORIGINS', [entry]), 'GANTRY_CORS_ORIGINS', `"${entry}"`);
    }
  });
});

describe('CORS', () => {
  const origins = new Set(['https://portal.example']);
  const ask = (method: string, headers: Record<string, string>) => corsAnswer({ method, headers }, origins);

  it('is silent when nobody is listed', () => {
    const headers = { origin: 'https://portal.example', 'access-control-request-method': 'GET' };
    assert.deepEqual(corsAnswer({ method: 'OPTIONS', headers }, new Set()), { headers: {}, preflight: false });
  });

  it('names a listed origin by itself, and always says that the reply depends on it', () => {
    const { headers, preflight } = ask('GET', { origin: 'https://portal.example' });
    assert.equal(preflight, false);
    assert.equal(headers['access-control-allow-origin'], 'https://portal.example');
    assert.equal(headers['vary'], 'origin');
    assert.ok(!('access-control-allow-credentials' in headers));
    for (const origin of [
      'https://evil.example',
      'null',
      'https://portal.example.evil.example',
      'https://Portal.example',
    ]) {
      assert.deepEqual(ask('GET', { origin }), { headers: { vary: 'origin' }, preflight: false }, origin);
    }
    assert.deepEqual(ask('GET', {}), { headers: { vary: 'origin' }, preflight: false });
  });

  it('answers a preflight, the authorization header included', () => {
    const asked = { origin: 'https://portal.example', 'access-control-request-method': 'PATCH' };
    const { headers, preflight } = ask('OPTIONS', asked);
    assert.equal(preflight, true);
    assert.match(headers['access-control-allow-methods'] ?? '', /PATCH/u);
    assert.match(headers['access-control-allow-headers'] ?? '', /authorization/u);
    assert.match(headers['vary'] ?? '', /access-control-request-method/u);
    assert.equal(ask('OPTIONS', { ...asked, origin: 'https://evil.example' }).preflight, false);
    assert.equal(ask('OPTIONS', { origin: 'https://portal.example' }).preflight, false, 'no preflight');
  });
});

describe('the base path', () => {
  it('is read with or without a slash at the end, and refused when it is none', () => {
    const paths = [
      ['', ''],
      ['/', ''],
      ['/gantry', '/gantry'],
      ['/gantry/', '/gantry'],
      ['/a/b.c/~d', '/a/b.c/~d'],
    ];
    for (const [text, path] of paths) assert.equal(readBasePath(text!), path);
    const wrong = [
      'gantry',
      '//',
      '/gantry//',
      '/a/../b',
      '/./a',
      '/a b',
      '/a?b',
      '/%67',
      'https://h/g',
      '/a"><script>',
    ];
    for (const text of [...wrong, '/api', '/api/x', '/ws', '/docs', '/metrics/']) {
      refuses(() => readBasePath(text), 'GANTRY_BASE_PATH', `"${text}"`);
    }
    assert.throws(() => readBasePath(`/${'a'.repeat(300)}`), /at most 200/u);
  });

  it('is taken off where it stands, and only there', () => {
    const cases = [
      ['/gantry', '/'],
      ['/gantry/', '/'],
      ['/gantry?a=1', '/?a=1'],
      ['/gantry/api/cameras/?limit=2', '/api/cameras/?limit=2'],
      ['/api/cameras', '/api/cameras'],
      ['/gantryx/api', '/gantryx/api'],
      ['/x/gantry/api', '/x/gantry/api'],
      ['/gantry/gantry/api', '/gantry/api'],
      ['*', '*'],
    ];
    for (const [url, path] of cases) assert.deepEqual(localTarget(url!, '/gantry'), { path, host: null }, url);
    assert.deepEqual(localTarget('/gantry/api', ''), { path: '/gantry/api', host: null });
  });

  it('is found in a target in absolute form too, which names the host', () => {
    assert.deepEqual(localTarget('http://h:8080/gantry/api?x=1', '/gantry'), { path: '/api?x=1', host: 'h:8080' });
    assert.deepEqual(localTarget('HTTPS://h', ''), { path: '/', host: 'h' });
    assert.deepEqual(localTarget('http://h?x=1', ''), { path: '/?x=1', host: 'h' });
  });
});

describe('tickets', () => {
  const BY_TOKEN = { via: 'access-token' } as const;
  const at = (now: number) => ({ now: () => now });

  it('are good for a minute, and for every process with the same token', async () => {
    let now = 1_800_000_000_000;
    const clock = { now: () => now };
    const tickets = await Tickets.open('a-token-of-the-operator', clock);
    const { ticket, expiresAt } = tickets.issue(BY_TOKEN);
    assert.equal(Date.parse(expiresAt), now + TICKET_LIFE_MS);
    assert.match(ticket, /^[\w-]{108}$/u);
    assert.notEqual(tickets.issue(BY_TOKEN).ticket, ticket);
    assert.deepEqual((await Tickets.open('a-token-of-the-operator', clock)).read(ticket), BY_TOKEN);
    assert.equal((await Tickets.open('a-token-of-the-operators', clock)).read(ticket), null);
    now += TICKET_LIFE_MS - 1;
    assert.ok(tickets.read(ticket));
    now += 1;
    assert.ok(!tickets.read(ticket));
  });

  it('are worth nothing when one character is another, or they are none', async () => {
    const tickets = await Tickets.open('a-token-of-the-operator', at(1_800_000_000_000));
    const { ticket } = tickets.issue(BY_TOKEN);
    for (let index = 0; index < ticket.length; index += 1) {
      const other = ticket[index] === 'A' ? 'B' : 'A';
      assert.ok(!tickets.read(ticket.slice(0, index) + other + ticket.slice(index + 1)), `character ${index}`);
    }
    const none = ['', 'a-token-of-the-operator', ticket.slice(1), `${ticket}A`, '='.repeat(108), 'é'.repeat(108)];
    for (const text of [...none, ticket.repeat(10_000)]) assert.ok(!tickets.read(text), text.slice(0, 80));
  });

  it('stand for the credential that asked for them', async () => {
    const tickets = await Tickets.open(null, at(0));
    for (const credential of [
      { via: 'open' },
      { via: 'session', key: 'ab'.repeat(32) },
      { via: 'api-token', key: '0f'.repeat(32) },
    ] as const)
      assert.deepEqual(tickets.read(tickets.issue(credential).ticket), credential);
  });

  it('of a server without a token are its own', async () => {
    const [one, other] = await Promise.all([Tickets.open(null, at(0)), Tickets.open(null, at(0))]);
    assert.ok(one.read(one.issue(BY_TOKEN).ticket));
    assert.ok(!one.read(other.issue(BY_TOKEN).ticket));
  });
});
