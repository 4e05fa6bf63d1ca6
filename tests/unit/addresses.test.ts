import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalAddress, isForbiddenAddress, isPublicAddress, matches } from '../../src/infra/addresses.ts';
import { Egress } from '../../src/infra/egress.ts';
import { resolveSource, sourceAddress } from '../../src/infra/source-policy.ts';
import { urlOrigin } from '../../src/infra/url-origin.ts';

const METADATA = ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', '192.0.0.192'];

test('where clouds keep credentials nothing is read, by whatever translator it is written', () => {
  for (const four of METADATA) {
    const [a = 0, b = 0, c = 0, d = 0] = four.split('.').map(Number);
    const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    const turned = `${(((a << 8) | b) ^ 0xffff).toString(16)}:${(((c << 8) | d) ^ 0xffff).toString(16)}`;
    for (const form of [
      four,
      `::ffff:${four}`,
      `::FFFF:${hex}`,
      `0:0:0:0:0:ffff:${hex}`,
      `::${hex}`,
      `::ffff:0:${hex}`,
      `64:ff9b::${four}`,
      `64:ff9b:1::${hex}`,
      `2002:${hex}::1`,
      `fe81::5efe:${four}`,
      `2001:db8::5efe:${four}`,
      `2001::${turned}`,
    ]) {
      assert.equal(isForbiddenAddress(form), true, form);
      assert.equal(isPublicAddress(form), false, form);
    }
  }
  for (const six of ['fe80::1', 'fe80::1%eth0', 'febf::1', 'fd00:ec2::254', 'FD00:EC2:0:0:0:0:0:254', 'fd20:ce::254'])
    assert.equal(isForbiddenAddress(six), true, six);
  for (const fine of [
    '10.0.0.1',
    '127.0.0.1',
    '::1',
    '192.168.1.1',
    '8.8.8.8',
    '2606:4700::1',
    'fd00::1',
    '168.63.129.17',
    '64:ff9b::8.8.8.8',
    'a.name',
    '',
  ])
    assert.equal(isForbiddenAddress(fine), false, fine);
  fc.assert(fc.property(fc.ipV6(), (address) => assert.equal(typeof isForbiddenAddress(address), 'boolean')));
});

test('an allow-list knows a mapped address as the IPv4 address that it is', () => {
  assert.equal(canonicalAddress('::ffff:a01:203'), '10.1.2.3');
  assert.equal(matches('::ffff:a01:203', '10.0.0.0/8'), true);
  assert.equal(matches('10.1.2.3', '10.0.0.0/'), false, 'no length is no range');
  assert.equal(matches('1.2.3.4', '*.3.4'), false, 'an address has no parent domain');
});

test('a name is refused for one forbidden address; the connection goes to the address that was checked', async () => {
  const names =
    (...addresses: string[]) =>
    () =>
      Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  for (const bad of [...METADATA, '::ffff:169.254.169.254', 'fe80::1']) {
    await assert.rejects(resolveSource('cam.example', names('10.0.0.1', bad)), {
      code: 'SOURCE_REFUSED',
      message: /leads to .*never read/u,
    });
    await assert.rejects(
      new Egress(['cam.example', '0.0.0.0/0', '::/0'], names('93.184.216.34', bad)).check('http://cam.example./x'),
      { code: 'EGRESS_REFUSED' },
    );
  }
  await assert.rejects(resolveSource('100.100.100.200'), { code: 'SOURCE_REFUSED' });
  await assert.rejects(
    resolveSource('cam.example', () => Promise.reject(new Error('ENOTFOUND'))),
    { message: 'host cam.example cannot be resolved' },
  );
  assert.deepEqual(await resolveSource('cam.example', names('10.0.0.1')), [{ address: '10.0.0.1', family: 4 }]);
  assert.deepEqual(sourceAddress('rtsp://0xa9fea9fe/x'), { host: '169.254.169.254', port: 554, tls: false });
  assert.deepEqual(sourceAddress('rtsps://[2001:db8::1]/x'), { host: '2001:db8::1', port: 322, tls: true });
});

test('of an address with secrets in its path only the origin is shown', () => {
  assert.equal(urlOrigin('https://hooks.slack.example/services/T0/B0/s3cr3t'), 'https://hooks.slack.example/…');
  assert.equal(urlOrigin('https://u:p@pics.example:8443/?X-Amz-Signature=s3cr3t'), 'https://pics.example:8443/…');
  assert.equal(urlOrigin('https://h.example'), 'https://h.example');
  assert.equal(urlOrigin('s3cr3t'), '(no URL)');
});
