import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSource } from '../../src/infra/source-policy.ts';
import { Authorizer, credentialsOf, parseChallenges, strongest } from '../../src/rtsp/rtsp-auth.ts';
import { RtspDialogue } from '../../src/source/rtsp-dialogue.ts';
import { RtspReader, type RtspMessage } from '../../src/source/rtsp-reader.ts';
import { requestUrl } from '../../src/source/rtsp-relay.ts';
import { withoutSecrets } from '../../src/rtsp/url-secrets.ts';

const LOCAL = 'rtsp://127.0.0.1:9/token';

const message = (text: string): RtspMessage => {
  const [found] = new RtspReader().push(Buffer.from(text, 'latin1'));
  assert.ok(found?.kind === 'message');
  return found;
};

/** What the camera of this URL is sent for a DESCRIBE that it first answers with 401. */
function sent(url: string, challenge: string): string {
  const dialogue = new RtspDialogue(LOCAL, requestUrl(url), credentialsOf(url));
  const first = dialogue.fromFfmpeg(message(`DESCRIBE ${LOCAL} RTSP/1.0\r\nCSeq: 1\r\n\r\n`));
  const refused = `RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: ${challenge}\r\n\r\n`;
  return [...first, ...dialogue.fromCamera(message(refused))]
    .map((action) => ('bytes' in action ? action.bytes.toString('latin1') : ''))
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
    /^DESCRIBE rtsp:\/\/cam\.example:554\/ačĊX-Evil:čĊb\/密码 RTSP/u,
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

test('a signed request that is refused without another challenge is a wrong password', () => {
  const url = 'rtsp://u:p@cam.example/x';
  const dialogue = new RtspDialogue(LOCAL, requestUrl(url), credentialsOf(url));
  dialogue.fromFfmpeg(message(`DESCRIBE ${LOCAL} RTSP/1.0\r\nCSeq: 1\r\n\r\n`));
  dialogue.fromCamera(message('RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm="r"\r\n\r\n'));
  const [said] = dialogue.fromCamera(message('RTSP/1.0 401 No\r\nCSeq: 2\r\n\r\n'));
  assert.deepEqual(said, { do: 'note', reason: 'the camera refuses the user and password of its URL (401 No)' });
});
