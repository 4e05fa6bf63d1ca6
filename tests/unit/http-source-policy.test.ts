import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { checkSource, plainSource, sourceAddress } from '../../src/infra/source-policy.ts';

const reason = (url: string, allow: readonly string[] | null = null): string => {
  const verdict = checkSource(url, allow);
  return verdict.ok ? 'ok' : verdict.reason;
};

describe('camera source policy', () => {
  it('takes RTSP URLs as cameras have them', () => {
    for (const url of [
      'rtsp://192.0.2.10/stream1',
      'rtsp://user:pa%40ss@192.0.2.10:554/Streaming/Channels/101?transportmode=unicast',
      'RTSPS://cam.example.org:322/live',
      'rtsp://[2001:db8::5]:8554/x',
      'rtsp://127.0.0.1:8554/demo',
      'rtsp://10.1.2.3/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp?real_stream',
    ]) {
      assert.equal(reason(url), 'ok', url);
    }
  });

  it('refuses what is no RTSP, naming the scheme', () => {
    assert.equal(reason('file:///etc/passwd'), 'scheme must be rtsp or rtsps, not file');
    assert.equal(reason('http://192.0.2.1/video'), 'scheme must be rtsp or rtsps, not http');
    for (const url of [
      'concat:rtsp://a/b',
      'tcp://a:1',
      'pipe:0',
      'data:text/plain,x',
      'rtspx://a/b',
      '-i',
      '/etc/passwd',
      '',
      'rtsp',
    ]) {
      assert.notEqual(reason(url), 'ok', url);
    }
  });

  it('refuses a URL without a host, or with a port that cannot be', () => {
    for (const url of ['rtsp://', 'rtsp:///path', 'rtsp://:554/x', 'rtsp:host/path', 'rtsp://user:pass@/x'])
      assert.notEqual(reason(url), 'ok', url);
    assert.equal(reason('rtsp://host:0/x'), 'port must be from 1 to 65535, not 0');
    assert.equal(reason('rtsp://host:70000/x'), 'port must be from 1 to 65535, not 70000');
  });

  it('reads passwords as they are typed, where only one reading names a host', () => {
    for (const [url, plain] of [
      ['rtsp://admin:p@ss:w/rd#1?@10.0.0.5:554/x', 'rtsp://admin:p%40ss%3Aw%2Frd%231%3F@10.0.0.5:554/x'],
      ['rtsp://admin:p@ss@10.0.0.5/x', 'rtsp://admin:p%40ss@10.0.0.5/x'],
      ['rtsp://u:pa/ss@host/x', 'rtsp://u:pa%2Fss@host/x'],
      ['rtsp://u:1#@host/x', 'rtsp://u:1%23@host/x'],
      ['rtsp://u:[x]@host/x', 'rtsp://u:%5Bx%5D@host/x'],
      ['RTSP://u%40v:p%2F@Host/x', 'rtsp://u%40v:p%2F@Host/x'],
      // An @ of the path is none of a password.
      ['rtsp://10.0.0.1:554/live@1', 'rtsp://10.0.0.1:554/live@1'],
      ['rtsp://u:p@cam.example.org/live@1', 'rtsp://u:p@cam.example.org/live@1'],
      ['rtsp://cam/x@y', 'rtsp://cam/x@y'],
    ] as const) {
      assert.equal(reason(url), 'ok', url);
      assert.equal(plainSource(url), plain);
      assert.equal(plainSource(plain), plain, 'once is enough');
    }
    assert.deepEqual(sourceAddress('RTSPS://admin:p/w@[2001:db8::5]/x'), {
      host: '2001:db8::5',
      port: 322,
      tls: true,
    });
  });

  it('refuses a URL that can be read in two ways, and says how to write it', () => {
    for (const url of ['rtsp://u:12/ss@host/x', 'rtsp://u:12?3@host/x', 'rtsp://u:p@cam1/live@x'])
      assert.match(reason(url), /two ways.* write @ as %40, \/ as %2F/u, url);
    // Also for the host that the first reading names, whatever is allowed.
    assert.match(reason('rtsp://u:12/ss@host/x', ['u', 'host']), /two ways/u);
    assert.match(reason('rtsp://host/x#part'), /in a password write it as %23/u);
    assert.match(reason('rtsp://u:pass word@host/x'), /write a space as %20/u);
  });

  it('checks the host that will be dialled, not another reading of it', () => {
    assert.match(reason('rtsp://u:p/w@169.254.169.254/x'), /link-local/u);
    assert.match(reason('rtsp://u:p#w@evil.example/x', ['good.example']), /host evil\.example is not among/u);
    assert.equal(sourceAddress('rtsp://u:p#w@good.example/x').host, 'good.example');
  });

  it('says how to write an IPv6 address', () => {
    assert.match(
      reason('rtsp://2001:db8::1/x'),
      /brackets around an IPv6 address: rtsp:\/\/\[2001:db8::1\]:554\/path/u,
    );
    assert.match(reason('rtsp://[2001:db8::1%eth0]/x'), /must not have a zone/u);
    assert.match(reason('rtsp://[fe80::1%25eth0]/x'), /host fe80::1 is link-local/u);
  });

  it('does not repeat a password', () => {
    for (const url of ['rtsp://admin:hunter2/x', 'rtsp://admin:hunter2/x@', 'rtsp://admin:12/hunter2@host/x']) {
      assert.notEqual(reason(url), 'ok', url);
      assert.ok(!reason(url).includes('hunter2'), url);
    }
  });

  it('refuses control characters, spaces and excess length', () => {
    for (const char of ['\n', '\r', '\0', '\t', ' ', '\u007f', '\u2028'])
      assert.match(reason(`rtsp://host/a${char}b`), /control characters/u);
    assert.match(reason(`rtsp://host/${'a'.repeat(2048)}`), /at most 2048 characters, not 2060/u);
  });

  it('refuses link-local addresses in every way of writing them, whatever is allowed', () => {
    for (const host of [
      '169.254.169.254',
      '169.254.0.1.',
      '2852039166', // 169.254.169.254 as one number
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.16689662',
      '[::ffff:169.254.169.254]',
      '[::ffff:a9fe:a9fe]',
      '[fe80::1]',
      '[fd00:ec2::254]',
      '%31%36%39.254.169.254',
    ]) {
      assert.match(reason(`rtsp://${host}/x`, ['169.254.0.0/16', '*']), /link-local/u, host);
    }
  });

  it('keeps to the allow-list: names, wildcards, addresses, ranges', () => {
    const allow = ['cam.example.org', '*.cams.example.org', '192.0.2.7', '10.20.0.0/16', '2001:db8::/32'];
    for (const host of [
      'cam.example.org',
      'CAM.example.org',
      'a.cams.example.org',
      '192.0.2.7',
      '10.20.255.1',
      '[2001:db8::9]',
    ])
      assert.equal(reason(`rtsp://${host}/x`, allow), 'ok', host);
    for (const host of [
      'example.org',
      'cams.example.org',
      'evilcams.example.org',
      '192.0.2.8',
      '10.21.0.1',
      '[2001:db9::1]',
    ])
      assert.match(reason(`rtsp://${host}/x`, allow), /not among the hosts/u, host);
  });

  it('refuses a URL that was copied from a reply, with its password hidden', () => {
    assert.match(reason('rtsp://viewer:***@192.0.2.7:554/main'), /send the real one/u);
  });

  it('never throws, and takes nothing but RTSP', () => {
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((tail) => `rtsp://${tail}`),
          fc.webUrl().map((url) => url.replace(/^https?/u, 'rtsp')),
        ),
        (url) => {
          if (!checkSource(url).ok) return;
          taken += 1;
          assert.match(url, /^rtsps?:\/\/[^/]/iu);
        },
      ),
    );
    assert.ok(taken > 0);
  });
});
