import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { isPublicAddress } from '../../src/infra/addresses.ts';
import { Egress } from '../../src/infra/egress.ts';

const GET = { method: 'GET', timeoutMs: 30_000, maxBytes: 1_000 } as const;
const at = (...addresses: string[]) => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

async function server() {
  const hosts: string[] = [];
  const http = createServer((request, response) => {
    hosts.push(request.headers.host ?? '');
    if (request.url === '/slow') return;
    response.end('hello');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    port: address.port,
    hosts,
    close: () => (http.closeAllConnections(), new Promise((resolve) => http.close(resolve))),
  };
}

test('addresses of the open internet, and all the others', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '2606:4700:4700::1111',
    '2a00::1',
  ])
    assert.equal(isPublicAddress(address), true, address);
  const others = [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '255.255.255.255',
  ];
  const others6 = [
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    'fc00::1',
    'fd00::1',
    'fe80::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '100::1',
  ];
  for (const address of [...others, ...others6, 'nonsense', '']) assert.equal(isPublicAddress(address), false, address);
});

test('a name that leads into the private network, wholly or in part, is refused', async () => {
  for (const addresses of [
    at('10.0.0.1'),
    at('127.0.0.1'),
    at('8.8.8.8', '192.168.1.1'),
    at('::1'),
    at('2606:4700::1', 'fd00::1'),
  ]) {
    const egress = new Egress([], () => Promise.resolve(addresses));
    await assert.rejects(egress.check('https://innocent.example/'), { code: 'EGRESS_REFUSED' });
    await assert.rejects(
      egress.fetch({ ...GET, url: 'https://innocent.example/' }),
      (error: Error) =>
        'code' in error &&
        error.code === 'EGRESS_REFUSED' &&
        !addresses.some(({ address }) => error.message.includes(address)),
    );
  }
  await assert.rejects(new Egress([]).check('http://localhost/'), { code: 'EGRESS_REFUSED' });
});

test('a name that changes between check and call (DNS rebinding) is checked again for the connection', async (t) => {
  const { port, hosts, close } = await server();
  t.after(() => close());
  let asked = 0;
  const egress = new Egress([], () => Promise.resolve((asked += 1) === 1 ? at('93.184.216.34') : at('127.0.0.1')));
  await egress.check(`http://rebind.example:${port}/`);
  await assert.rejects(egress.fetch({ ...GET, url: `http://rebind.example:${port}/` }), { code: 'EGRESS_REFUSED' });
  assert.deepEqual(hosts, [], 'nothing was connected to');
});

test('an allow-listed host is called at exactly the address that was checked', async (t) => {
  const { port, hosts, close } = await server();
  t.after(() => close());
  for (const allow of ['inside.example', '*.example', '127.0.0.1', '127.0.0.0/8']) {
    const egress = new Egress([allow], () => Promise.resolve(at('127.0.0.1')));
    const { status, body } = await egress.fetch({ ...GET, url: `http://inside.example:${port}/` });
    assert.deepEqual([status, body.toString()], [200, 'hello'], allow);
  }
  assert.equal(hosts.length, 4);
  const clouds = new Egress(['0.0.0.0/0', '::/0', 'metadata.example'], () => Promise.resolve(at('169.254.169.254')));
  await assert.rejects(clouds.check('http://metadata.example/'), { code: 'EGRESS_REFUSED' });
});

test('size, time and unreachable hosts end with their own codes', async (t) => {
  const { port, close } = await server();
  t.after(() => close());
  const egress = new Egress(['127.0.0.1']);
  const base = `http://127.0.0.1:${port}`;
  await assert.rejects(egress.fetch({ ...GET, url: base, maxBytes: 3 }), { code: 'EGRESS_TOO_LARGE' });
  assert.equal((await egress.fetch({ ...GET, url: base, maxBytes: 3, cut: true })).status, 200);
  await assert.rejects(egress.fetch({ ...GET, url: `${base}/slow`, timeoutMs: 50 }), { code: 'EGRESS_TIMEOUT' });
  await assert.rejects(egress.fetch({ ...GET, url: 'http://127.0.0.1:1/' }), { code: 'EGRESS_FAILED' });
  await assert.rejects(
    new Egress([], () => Promise.reject(new Error('no such name'))).check('http://nowhere.example/'),
    { code: 'EGRESS_FAILED' },
  );
});

test('URLs that are never called', () => {
  const egress = new Egress(['0.0.0.0/0']);
  for (const url of [
    '',
    'x',
    '//host/x',
    'ftp://1.1.1.1/',
    'file:///etc/passwd',
    'gopher://1.1.1.1/',
    'data:image/png;base64,AA',
    'http://',
    'http://u@1.1.1.1/',
    'http://u:p@1.1.1.1/',
    `http://1.1.1.1/${'x'.repeat(2_100)}`,
    'http://169.254.169.254/',
    'http://0xa9fea9fe/',
    'http://[fe80::1]/',
  ]) {
    assert.notEqual(egress.refusal(url), null, url);
  }
});
