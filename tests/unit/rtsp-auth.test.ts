import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  Authorizer,
  credentialsOf,
  isStale,
  parseChallenges,
  strongest,
  withoutCredentials,
} from '../../src/rtsp/rtsp-auth.ts';

const NO_BODY = Buffer.alloc(0);
const answer = (
  challenge: string,
  username: string,
  password: string,
  method: string,
  uri: string,
  cnonce?: string,
): string => {
  const best = strongest(parseChallenges([challenge]));
  assert.ok(best !== null);
  return new Authorizer(best, { username, password }, cnonce).authorize({ method, uri, body: NO_BODY });
};

test("the RFCs' own examples come out as printed there", () => {
  const uri = '/dir/index.html';
  // RFC 2617, 3.5.
  const md5 =
    'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
    'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"';
  const first = answer(md5, 'Mufasa', 'Circle Of Life', 'GET', uri, '0a4f113b');
  assert.match(first, /response="6629fae49393a05397450978507c4ef1"/u);
  assert.match(first, /opaque="5ccc069c403ebaf9f0171e9517f40e41".* qop=auth, nc=00000001, cnonce="0a4f113b"/u);
  // RFC 7616, 3.9.1: the same server offers both.
  const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
  const both =
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="${nonce}", opaque="F", ` +
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="${nonce}", opaque="F"`;
  const sha = answer(both, 'Mufasa', 'Circle of Life', 'GET', uri, 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ');
  assert.match(sha, /algorithm=SHA-256/u);
  assert.match(sha, /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/u);
});

test('a challenge without qop is answered as RFC 2069 says, and nonces count their requests', () => {
  const hash = (text: string): string => createHash('md5').update(text).digest('hex');
  const plain = answer('Digest realm="r", nonce="n"', 'u', 'p', 'DESCRIBE', 'rtsp://h/x');
  assert.ok(plain.includes(`response="${hash(`${hash('u:r:p')}:n:${hash('DESCRIBE:rtsp://h/x')}`)}"`), plain);
  assert.doesNotMatch(plain, /qop|nc=/u);
  const best = strongest(parseChallenges(['Digest realm="r", nonce="n", qop="auth"']))!;
  const authorizer = new Authorizer(best, { username: 'u', password: 'p' });
  const request = { method: 'PLAY', uri: 'rtsp://h/x', body: NO_BODY };
  assert.deepEqual(
    [1, 2, 3].map(() => /nc=(\w+)/u.exec(authorizer.authorize(request))?.[1]),
    ['00000001', '00000002', '00000003'],
  );
});

test('the strongest way is chosen, in one header or several, in any case and order', () => {
  const chosen = (...headers: string[]): string => {
    const best = strongest(parseChallenges(headers));
    return best === null ? 'none' : `${best.scheme} ${best.parameters.get('algorithm') ?? ''}`.trim();
  };
  assert.equal(chosen('Basic realm="a"', 'Digest realm="a", nonce="n"'), 'digest');
  assert.equal(
    chosen(
      'DIGEST Realm="a",Nonce="n",Algorithm=MD5, Basic realm="a,b=\\"c\\""',
      'digest realm=a,nonce=n,algorithm=SHA-256',
    ),
    'digest SHA-256',
  );
  assert.equal(chosen('Basic realm="IPC"'), 'basic');
  assert.equal(chosen('Negotiate abc==', 'Digest realm="a", nonce="n", algorithm=SHA-3'), 'none');
  assert.equal(chosen('', '"', '=,=,', 'Digest'), 'none');
  assert.equal(isStale(parseChallenges(['Digest nonce="n", stale=TRUE'])[0]!), true);
  assert.equal(parseChallenges(['A '.repeat(5_000)]).length, 8);
});

test('passwords with reserved and foreign characters are signed as the bytes they are', () => {
  for (const password of ['p@ss:w/rd?#%', '密码', 'a"b\\c', '%zz']) {
    const url = `rtsp://us%40er:${password === '%zz' ? password : encodeURIComponent(password)}@cam.example:554/x?y=1`;
    const credentials = credentialsOf(url);
    assert.deepEqual(credentials, { username: 'us@er', password });
    const basic = answer('Basic realm="r"', credentials.username, password, 'PLAY', 'x');
    assert.equal(Buffer.from(basic.slice('Basic '.length), 'base64').toString('utf8'), `us@er:${password}`);
    assert.equal(withoutCredentials(url), 'rtsp://cam.example:554/x?y=1');
  }
  assert.equal(credentialsOf('rtsp://h/a@b'), null);
  assert.equal(withoutCredentials('rtsp://h/a@b'), 'rtsp://h/a@b');
});
