import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isRedacted, redactText, redactUrl } from '../../src/infra/redact.ts';
import { safeValue } from '../../src/http/errors/safe-value.ts';

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
    assert.equal(redactText('[in#0] Error opening rtsp://u:geheim@h/x: 401'), '[in#0] Error opening rtsp://u:***@h/x: 401');
    assert.equal(redactText('two: rtsp://a:b1@h and rtsp://c:d2@h'), 'two: rtsp://a:***@h and rtsp://c:***@h');
  });

  it('sends back what was received only when it is harmless and short', () => {
    assert.equal(safeValue('url', 'rtsp://u:geheim@h/x'), 'rtsp://u:***@h/x');
    assert.equal(safeValue('password', 'geheim'), '***');
    assert.equal(safeValue('api_key', 12345), '***');
    assert.equal(safeValue('name', undefined), null);
    assert.equal(safeValue('n', 5), 5);
    assert.match(String(safeValue('name', 'x'.repeat(5000))), /^x{200}… \(5000 characters\)$/u);
    assert.equal(safeValue('body', { url: 'rtsp://u:geheim@h/x', token: 'abc' }), '{"url":"rtsp://u:***@h/x","token":"***"}');
  });
});
