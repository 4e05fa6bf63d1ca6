import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isRedacted, MAX_LOOKED_AT, redactShort, redactText, redactUrl } from '../../src/infra/redact.ts';
import { assertLinear, leastCpuMs } from '../support/cpu-ms.ts';
import { safeName, safeValue } from '../../src/http/errors/safe-value.ts';

describe('redaction', () => {
  it('hides the password of a URL and keeps the rest', () => {
    assert.equal(redactUrl('rtsp://admin:s3cret@192.0.2.1:554/main?x=1'), 'rtsp://admin:***@192.0.2.1:554/main?x=1');
    assert.equal(redactUrl('rtsp://192.0.2.1:554/main'), 'rtsp://192.0.2.1:554/main');
    assert.equal(redactUrl('rtsp://admin@192.0.2.1/main'), 'rtsp://admin@192.0.2.1/main');
    assert.equal(redactUrl('rtsp://u:p@host/a@b'), 'rtsp://u:***@b', 'rather too much');
  });

  it('hides passwords in queries and in the paths of recorders', () => {
    assert.equal(redactUrl('rtsp://h/x?user=a&password=geheim&channel=1'), 'rtsp://h/x?user=a&password=***&channel=1');
    assert.ok(!redactUrl('rtsp://h:554/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp').includes('tlJwpbo6'));
    assert.ok(!redactUrl('rtsp://h/x?access_token=abc').includes('abc'));
  });

  it('hides a password with characters that belong to URLs, from any place in it', () => {
    for (const secret of ['p@ss', 'pa/ss', '12/34', 'pa#ss', 'pa?ss', 'p:a:s', 'a@b/c#d?e']) {
      const shown = redactUrl(`rtsp://admin:${secret}@camera.example/main`);
      assert.equal(shown, 'rtsp://admin:***@camera.example/main', secret);
    }
  });

  it('changes nothing when applied again, and knows its own mark', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (user, secret) => {
        const once = redactUrl(`rtsp://${user}:${secret}@host/path`);
        assert.equal(redactUrl(once), once);
        if (secret.length > 0 && !`rtsp://${user}:***@host/path`.includes(secret)) assert.ok(!once.includes(secret));
      }),
    );
    assert.ok(isRedacted('rtsp://u:***@h/x'));
    assert.ok(!isRedacted('rtsp://u:p@h/x'));
  });

  it('finds URLs inside a line of text', () => {
    assert.equal(
      redactText('[in#0] Error opening rtsp://u:geheim@h/x: 401'),
      '[in#0] Error opening rtsp://u:***@h/x: 401',
    );
    assert.equal(redactText('two: rtsp://a:b1@h and rtsp://c:d2@h'), 'two: rtsp://a:***@h and rtsp://c:***@h');
  });

  it('sends back what was received only when it is harmless and short', () => {
    assert.equal(safeValue('url', 'rtsp://u:geheim@h/x'), 'rtsp://u:***@h/x');
    assert.equal(safeValue('password', 'geheim'), '***');
    assert.equal(safeValue('api_key', 12345), '***');
    assert.equal(safeValue('name', undefined), null);
    assert.equal(safeValue('n', 5), 5);
    assert.match(String(safeValue('name', 'x'.repeat(5000))), /^x{200}… \(5000 characters\)$/u);
    assert.equal(
      safeValue('body', { url: 'rtsp://u:geheim@h/x', token: 'abc' }),
      '{"url":"rtsp://u:***@h/x","token":"***"}',
    );
  });
});

describe('redaction of what strangers send', () => {
  /** CPU time that looking at all of 10 MB would take by far. */
  const SOON_MS = 50;
  const HOSTILE = [
    'a',
    'a:',
    'a://',
    'http://u:p@',
    '%3a%2f%2f',
    'key=',
    'pass',
    'api_',
    '@',
    ':',
    "'",
    '\ud800',
    '密',
    ' rtsp://u:p',
  ];

  it('looks at a bounded part of a text, however long it is', () => {
    for (const part of HOSTILE) {
      const long = part.repeat(10_000_000 / part.length);
      for (const redact of [redactText, redactUrl]) {
        assert.ok(redact(long).length <= MAX_LOOKED_AT * 2);
        assert.ok(leastCpuMs(() => redact(long), SOON_MS) < SOON_MS, `${redact.name} of ${JSON.stringify(part)}`);
      }
      assert.ok(redactShort(long).length < 300);
      assert.ok(leastCpuMs(() => redactShort(long), SOON_MS) < SOON_MS, JSON.stringify(part));
    }
  });

  it('takes time linear in what it looks at', () => {
    for (const part of HOSTILE) {
      const prepare = (length: number) => {
        const text = part.repeat(length / part.length);
        return () => redactText(text);
      };
      // Each character against each would take 30 ms and more.
      assertLinear(JSON.stringify(part), prepare, MAX_LOOKED_AT / 4, 5);
    }
  });

  it('lets no part of a secret through where it cuts', () => {
    const secret = 'geheim'.repeat(400);
    for (const text of [`rtsp://u:${secret}@h/x`, `rtsp://u:p@${secret}@h`, `x?password=${secret}&y=1`]) {
      for (const before of ['', 'x '.repeat(90), 'x '.repeat(399), 'x '.repeat(4_090)]) {
        assert.ok(!redactShort(before + text).includes('gehei'), `${before.length} ${text.slice(0, 20)}`);
        assert.ok(!redactText(before + text).includes('gehei'), `${before.length} ${text.slice(0, 20)}`);
      }
    }
    // With a space in it a password can be told from other text only when the URL stands alone.
    assert.ok(!redactShort(`rtsp://u:p ${secret}@h/x`).includes('gehei'));
  });

  it('hides a URL that is encoded, whole', () => {
    assert.equal(redactText('/api/cameras/rtsp%3A%2F%2Fu%3Ageheim%40h'), '/api/cameras/rtsp%3A%2F%2F***');
    assert.equal(redactUrl('http://h/x?from=rtsp%3a%2f%2fu%3ageheim%40h'), 'http://h/x?from=rtsp%3a%2f%2f***');
    assert.equal(redactText('/x?password%3Dgeheim'), '/x?password%3D***');
  });

  it('shows the first parts of a value with many, and none of its secrets', () => {
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`field${index}`, 'x'.repeat(50)]));
    assert.ok(String(safeValue('body', wide)).length < 300);
    assert.ok(
      !String(safeValue('body', { a: { password: 'geheim', list: ['rtsp://u:geheim@h'] } })).includes('geheim'),
    );
    let deep: unknown = 'geheim';
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    assert.equal(safeValue('body', deep), '[[["…"]]]');
    assert.equal(safeName('x'.repeat(250_000)).slice(0, 101), `${'x'.repeat(100)}…`);
  });
});
