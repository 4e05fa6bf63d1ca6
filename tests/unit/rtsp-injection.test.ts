import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSource } from '../../src/infra/source-policy.ts';
import { Authorizer, credentialsOf, parseChallenges, strongest } from '../../src/rtsp/rtsp-auth.ts';
import { placeOf, requestUrl } from '../../src/rtsp/camera-url.ts';
import { PlayDialogue } from '../../src/rtsp/play-dialogue.ts';
import { withoutSecrets } from '../../src/rtsp/url-secrets.ts';
import { type RtspMessage, WireReader } from '../../src/rtsp/wire-reader.ts';

/** The first message in these bytes. */
function message(text: string): RtspMessage {
  const found: RtspMessage[] = [];
  new WireReader({ onMessage: (one) => void found.push(one), onPacket: () => undefined }).push(
    Buffer.from(text, 'latin1'),
  );
  return found[0] ?? assert.fail('no message');
}

/** The bytes that a camera of this URL is sent when it answers the first request with 401. */
function sent(url: string, challenge: string): string {
  const { credentials } = placeOf(url);
  const dialogue = new PlayDialogue({ url: requestUrl(url), credentials, transport: 'tcp', tls: false });
  const refused = `RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: ${challenge}\r\n\r\n`;
  return [...dialogue.start(), ...dialogue.receive(message(refused))]
    .map((step) => ('bytes' in step ? step.bytes.toString('latin1') : ''))
    .join('');
}

test('no character of a path becomes a line of its own when it is written as bytes', () => {
  // The low bytes of U+010D and U+010A are CR and LF.
  const text = sent('rtsp://cam.example/a\u010d\u010aX-Evil:\u010d\u010ab/密码', 'Basic realm="r"');
  assert.deepEqual(
    text.split(/\r\n|\r|\n/u).filter((line) => line.startsWith('X-Evil')),
    [],
  );
  assert.match(
    Buffer.from(text, 'latin1').toString('utf8'),
    /^OPTIONS rtsp:\/\/cam\.example:554\/ačĊX-Evil:čĊb\/密码 RTSP/u,
  );
});

test('no user name becomes a line of its own, and such a URL is refused', () => {
  const url = 'rtsp://u%0d%0aX-Evil%3a1:pw%00@cam.example/x';
  const text = sent(url, 'Digest realm="r", nonce="n"');
  assert.match(text, /Authorization: Digest username="uX-Evil:1"/u);
  assert.doesNotMatch(text, /^X-Evil/mu);
  for (const bad of [url, 'rtsp://u:p%0Aw@h/x', 'rtsp://u:%7f@h/x', 'rtsp://u%1b:p@h/x'])
    assert.deepEqual(checkSource(bad), {
      ok: false,
      reason: 'must not have control characters in its user or password',
    });
  assert.deepEqual(checkSource('rtsp://u:p%40%2f%E5%AF%86@h/x'), { ok: true });
});

test('what a camera repeats of its password is not told', () => {
  const url = 'rtsp://admin:Pa55%2Fword@cam.example/x';
  const best = strongest(parseChallenges(['Basic realm="r"']))!;
  const basic = new Authorizer(best, credentialsOf(url)!).authorize({
    method: 'PLAY',
    uri: 'x',
    body: Buffer.alloc(0),
  });
  for (const words of [basic, 'no Pa55/word', 'no Pa55%2Fword'])
    assert.match(withoutSecrets(url)(`401 ${words}`), /^401 (?:Basic|no) \*\*\*$/u);
});
