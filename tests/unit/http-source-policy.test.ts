import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { checkSource } from '../../src/infra/source-policy.ts';

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

  it('does not repeat a password that was mistaken for a port', () => {
    assert.ok(!reason('rtsp://admin:pa/ss@host/x').includes('pa'.concat('/')), 'no piece of it');
    assert.notEqual(reason('rtsp://admin:hunter2#@host/x'), 'ok');
    assert.ok(!reason('rtsp://admin:hunter2#@host/x').includes('hunter2'));
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
