import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { before, describe, it, type TestContext } from 'node:test';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import type { CameraLogin, LoginScheme } from '../support/camera-login.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { type Film, film } from '../support/film.ts';
import { type OddCamera, type OddCameraOptions, startOddCamera } from '../support/odd-camera.ts';
import { watchSession } from '../support/rtsp-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let clip: Film;
let certificates: TestCertificates;
before(async () => {
  clip = await film({ fps: 25, gop: 25, seconds: 2 });
  certificates = await makeCertificates(temporaryFolder());
});

async function camera(t: TestContext, options: Partial<OddCameraOptions> = {}): Promise<OddCamera> {
  const started = await startOddCamera({ film: clip, pace: 'manual', ...options });
  t.after(() => started.stop());
  return started;
}

const methods = ({ requests }: OddCamera): readonly string[] => requests.map(({ method }) => method);
const withLogin = (url: string, login: string): string => url.replace('://', `://${login}@`);

async function plays(t: TestContext, odd: OddCamera, url = odd.url, options = {}): Promise<void> {
  const watched = watchSession(t, url, options);
  await until('the session to play', () => odd.playing > 0 || watched.ends.length > 0, 30_000, 5);
  odd.send(26);
  await watched.played();
  await watched.session.stop();
}

describe('login', () => {
  const login = (schemes: readonly LoginScheme[], more: Partial<CameraLogin> = {}): CameraLogin => ({
    username: 'admin',
    password: 'p@ss:w/rd#1?',
    schemes,
    ...more,
  });

  it('by each method, with a password of reserved characters as it is typed', async (t) => {
    const odd = await camera(t);
    const offers: readonly (readonly LoginScheme[])[] = [
      ['basic'],
      ['md5-bare'],
      ['md5'],
      ['md5-sess'],
      ['sha-256'],
      ['sha-512-256'],
      ['unknown', 'basic', 'md5', 'sha-256'],
    ];
    for (const schemes of offers) {
      odd.set({ login: login(schemes) });
      await plays(t, odd, withLogin(odd.url, 'admin:p@ss:w/rd#1?'));
      const { headers } = odd.requests.findLast(({ method }) => method === 'PLAY')!;
      const used = headers.get('authorization')!;
      if (schemes.length > 1) assert.match(used, /algorithm=SHA-256/u, 'the strongest');
      assert.ok(
        odd.requests.every(({ url }) => !url.includes('@')),
        'no password in a request line',
      );
    }
  });

  it('again when a nonce grows old, said or not, in every request', async (t) => {
    for (const saysStale of [true, false]) {
      const odd = await camera(t, { login: login(['md5'], { requestsPerNonce: 1, saysStale }), timeoutSeconds: 1 });
      const clock = new ManualClock();
      const watched = watchSession(t, withLogin(odd.url, 'admin:p%40ss%3Aw%2Frd%231%3F'), { clock });
      await until('the session to play', () => odd.playing > 0, 30_000, 5);
      odd.renewNonce();
      await until('keep-alives that are signed anew', async () => {
        await clock.advance(250);
        return methods(odd).filter((each) => each === 'GET_PARAMETER').length > 4;
      });
      odd.send(2);
      await watched.played();
      await watched.session.stop();
      assert.equal(odd.sessions, 0, 'TEARDOWN was signed anew too');
    }
  });

  it('refused: says which part is missing or wrong, without any secret, and waits a minute', async (t) => {
    const odd = await camera(t, { login: login(['md5', 'basic']) });
    const ends = async (url: string): Promise<string> => {
      const end = await watchSession(t, url).ended();
      assert.deepEqual([end.code, end.retryAfterMs], ['LOGIN', 60_000]);
      assert.ok(!end.message.includes('hunter2'));
      return end.message;
    };
    assert.match(await ends(odd.url), /asks for a user and a password, and its URL has none/u);
    const earlier = odd.requests.length;
    assert.match(await ends(withLogin(odd.url, 'admin:hunter2')), /refuses the user or the password of its URL \(401/u);
    assert.equal(odd.requests.length - earlier, 3, 'one try: cameras lock accounts');
    odd.set({ login: login(['unknown']) });
    assert.match(await ends(withLogin(odd.url, 'admin:hunter2')), /login method that Gantry does not know/u);
  });

  it('keeps secrets out of a message that quotes the request', async (t) => {
    const odd = await camera(t, {
      answer: ({ method }) =>
        method === 'DESCRIBE' ? 'RTSP/1.0 500 bad rtsp://admin:hunter2/x@h and hunter2/x\nCSeq: {CSeq}\n\n' : null,
    });
    const end = await watchSession(t, withLogin(odd.url, 'admin:hunter2/x')).ended();
    assert.equal(end.code, 'REFUSED');
    assert.ok(end.message.includes('***') && !end.message.includes('hunter2'), end.message);
  });
});

describe('refusals', () => {
  it('too many sessions: BUSY with patience; a session that was stopped gives its place back', async (t) => {
    const odd = await camera(t, { maxSessions: 1 });
    await plays(t, odd);
    await plays(t, odd);
    const first = watchSession(t, odd.url);
    await until('the first to play', () => odd.playing === 1);
    const end = await watchSession(t, odd.url).ended();
    assert.deepEqual([end.code, end.retryAfterMs], ['BUSY', 30_000]);
    assert.match(end.message, /no free session \(453 Not Enough Bandwidth\); close another reader/u);
    await first.session.stop();
    await plays(t, odd);
  });

  it('each status, in a plain sentence', async (t) => {
    const odd = await camera(t);
    const cases = [
      ['DESCRIBE', '503 Service Unavailable\nRetry-After: 7', 'BUSY', 7_000, /no free session/u],
      ['DESCRIBE', '503 Service Unavailable\nRetry-After: 9000', 'BUSY', 300_000, /no free session/u],
      ['OPTIONS', '500 Too many sessions', 'BUSY', 30_000, /no free session/u],
      ['SETUP', '400 Maximum number of clients reached', 'BUSY', 30_000, /no free session/u],
      ['DESCRIBE', '404 Not Found', 'REFUSED', null, /no stream at this path \(404 Not Found\); check the path/u],
      ['DESCRIBE', '403 Forbidden', 'REFUSED', 60_000, /forbids this user/u],
      ['PLAY', '454 Session Not Found', 'REFUSED', null, /no longer knows our session/u],
      ['PLAY', '500 Fehler \u001b[31m', 'REFUSED', null, /answers PLAY with 500 Fehler \\x1b/u],
      ['SETUP', '461 Unsupported Transport', 'REFUSED', null, /refuses every way/u],
    ] as const;
    for (const [refused, status, code, retryAfterMs, sentence] of cases) {
      odd.set({ answer: ({ method }) => (method === refused ? `RTSP/1.0 ${status}\nCSeq: {CSeq}\n\n` : null) });
      const end = await watchSession(t, odd.url).ended();
      assert.deepEqual([end.code, end.retryAfterMs], [code, retryAfterMs], status);
      assert.match(end.message, sentence);
      const last = refused === 'PLAY' ? 'TEARDOWN' : refused;
      await until(`${last} after ${status}`, () => methods(odd).at(-1) === last);
      await until('the connection to close', () => odd.connections === 0);
    }
  });

  it('no video, too many media, bytes that are no RTSP', async (t) => {
    const odd = await camera(t, {
      sdp: 'v=0\r\nm=video 0 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\nm=audio 0 RTP/AVP 0\r\n',
    });
    const end = await watchSession(t, odd.url).ended();
    assert.equal(end.code, 'NO_VIDEO');
    assert.match(end.message, /no video in H\.264, H\.265 or MJPEG, but VP8/u);
    odd.set({ sdp: 'v=0\r\n' + 'm=audio 0 RTP/AVP 0\r\n'.repeat(17) });
    assert.equal((await watchSession(t, odd.url).ended()).code, 'BROKEN');

    const stranger = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.write(Buffer.alloc(300_000, 1));
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    t.after(() => stranger.close());
    const { port } = stranger.address() as AddressInfo;
    const broken = await watchSession(t, `rtsp://127.0.0.1:${port}/x`).ended();
    assert.equal(broken.code, 'BROKEN');
    assert.match(broken.message, /more than 262144 bytes in a row that are not RTSP/u);
  });

  it('connections that break: before and while it plays', async (t) => {
    const odd = await camera(t);
    const watched = watchSession(t, odd.url);
    await until('the session to play', () => odd.playing > 0, 30_000, 5);
    odd.drop();
    const end = await watched.ended();
    assert.equal(end.code, 'UNREACHABLE');
    assert.match(end.message, /closed the connection \(ECONNRESET\)/u);

    odd.set({ endAfterMs: -1 });
    const live = await camera(t, { pace: 'live', endAfterMs: 50 });
    assert.deepEqual((await watchSession(t, live.url).ended()).code, 'ENDED');
    await live.stop();
    const gone = await watchSession(t, live.url).ended();
    assert.equal(gone.code, 'UNREACHABLE');
    assert.match(gone.message, /the camera at 127\.0\.0\.1:\d+ cannot be reached: ECONNREFUSED/u);
  });

  it('a firewall that drops UDP is named', async (t) => {
    const odd = await camera(t, { transport: 'udp', blocksUdp: true });
    const clock = new ManualClock();
    const watched = watchSession(t, odd.url, { clock });
    await until('PLAY', () => odd.playing > 0, 30_000, 5);
    await until('the end', async () => {
      await clock.advance(250);
      return watched.ends.length > 0;
    });
    assert.equal(watched.ends[0]!.code, 'SILENT');
    assert.match(watched.ends[0]!.message, /no packet came by UDP within 5 s of PLAY; a firewall/u);
  });
});

describe('addresses', () => {
  it('the checked addresses of a name are dialled in order, and nothing else', async (t) => {
    const odd = await camera(t);
    const url = odd.url.replace('127.0.0.1', 'camera.example');
    const names = (...addresses: readonly string[]) => ({
      names: () => Promise.resolve(addresses.map((address) => ({ address, family: 4 }))),
    });
    // Nobody listens on the first.
    await plays(t, odd, url, names('127.0.0.9', '127.0.0.1'));
    const asked = odd.requests.length;
    const end = await watchSession(t, url, names('127.0.0.1', '169.254.169.254')).ended();
    assert.equal(end.code, 'REFUSED_ADDRESS');
    assert.match(end.message, /camera\.example leads to 169\.254\.169\.254/u);
    assert.equal(odd.requests.length, asked);
    const unknown = await watchSession(t, url, { names: () => Promise.reject(new Error('ENOTFOUND')) }).ended();
    assert.deepEqual([unknown.code, unknown.message], ['UNREACHABLE', 'host camera.example cannot be resolved']);
    const refused = await watchSession(t, 'rtsp://169.254.169.254/x').ended();
    assert.equal(refused.code, 'REFUSED_ADDRESS');
  });

  it('follows redirects where the policy allows, and takes the login to the same host only', async (t) => {
    const login: CameraLogin = { username: 'u', password: 'hunter2', schemes: ['basic'] };
    const target = await camera(t);
    const odd = await camera(t, { redirect: target.url, login });
    await plays(t, target, withLogin(odd.url, 'u:hunter2'), { allow: ['127.0.0.1'] });
    assert.equal(methods(target).at(-1), 'TEARDOWN');

    const elsewhere = target.url.replace('127.0.0.1', 'localhost');
    target.set({ login });
    odd.set({ redirect: elsewhere });
    const end = await watchSession(t, withLogin(odd.url, 'u:hunter2')).ended();
    assert.equal(end.code, 'LOGIN', 'the other host got no password');
    const asked = target.requests.length;
    const refused = await watchSession(t, withLogin(odd.url, 'u:hunter2'), { allow: ['127.0.0.1'] }).ended();
    assert.equal(refused.code, 'REFUSED_ADDRESS');
    assert.match(refused.message, /redirects to a place that may not be read: host localhost is not among/u);
    assert.equal(target.requests.length, asked);

    odd.set({ redirect: odd.url });
    const loop = await watchSession(t, withLogin(odd.url, 'u:hunter2')).ended();
    assert.match(loop.message, /more than 4 redirects/u);
  });

  it('follows a REDIRECT of a camera that plays, with one onPlaying', async (t) => {
    const target = await camera(t);
    const odd = await camera(t);
    const watched = watchSession(t, odd.url);
    await until('the session to play', () => odd.playing > 0, 30_000, 5);
    odd.send(2);
    await watched.played();
    const earlier = watched.units.length;
    odd.write(`REDIRECT ${odd.url} RTSP/1.0\r\nCSeq: 1\r\nLocation: ${target.url}\r\n\r\n`);
    await until('the other to play', () => target.playing > 0, 30_000, 5);
    await until('TEARDOWN at the first', () => odd.sessions === 0 && methods(odd).at(-1) === 'TEARDOWN');
    target.send(3);
    await watched.played(earlier + 2);
    assert.deepEqual(watched.events, ['playing', 'unit']);
  });
});

describe('RTSPS', () => {
  const tls = async (): Promise<{ cert: string; key: string; sha256: string }> => {
    const { certFile, keyFile } = certificates.server;
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return { cert, key, sha256: new X509Certificate(cert).fingerprint256 };
  };

  it('plays by a pinned certificate, however its digest is written, by TCP alone', async (t) => {
    const { cert, key, sha256 } = await tls();
    const odd = await camera(t, { tls: { cert, key } });
    assert.match(odd.url, /^rtsps:/u);
    await plays(t, odd, odd.url, { certificateSha256: sha256 });
    await plays(t, odd, odd.url, { certificateSha256: sha256.replaceAll(':', '').toLowerCase() });
    const end = await watchSession(t, odd.url, { certificateSha256: sha256, transport: 'udp' }).ended();
    assert.equal(end.code, 'REFUSED');
    assert.match(end.message, /must be tcp or auto, not udp/u);
  });

  it('plays by a certificate of a known authority, for the right host only', async (t) => {
    const { cert, key } = await tls();
    const odd = await camera(t, { tls: { cert, key } });
    const known = getCACertificates('default');
    setDefaultCACertificates([...known, await readFile(certificates.caFile, 'utf8')]);
    t.after(() => setDefaultCACertificates(known));
    const watched = watchSession(t, odd.url);
    await until('the session to play', () => odd.playing > 0 || watched.ends.length > 0, 30_000, 5);
    odd.send(2);
    await watched.played();
    const other = odd.url.replace('127.0.0.1', 'camera.example');
    const names = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    const end = await watchSession(t, other, { names }).ended();
    assert.equal(end.code, 'CERTIFICATE');
    assert.match(end.message, /not trusted: ERR_TLS_CERT_ALTNAME_INVALID|not trusted: .*altnames/u);
    await odd.stop();
    assert.match((await watched.ended()).code, /^(?:ENDED|UNREACHABLE)$/u);
  });

  it('says which certificate came, and asks nothing of a camera that is not trusted', async (t) => {
    const { cert, key, sha256 } = await tls();
    const odd = await camera(t, { tls: { cert, key } });
    const digits = sha256.replaceAll(':', '').toLowerCase();
    const end = await watchSession(t, withLogin(odd.url, 'u:hunter2')).ended();
    assert.equal(end.code, 'CERTIFICATE');
    assert.match(
      end.message,
      /not trusted: \S+.*subject server, issuer test authority.*set certificateSha256 to this/u,
    );
    assert.ok(end.message.includes(digits));
    const other = await watchSession(t, odd.url, { certificateSha256: 'ab'.repeat(32) }).ended();
    assert.equal(other.code, 'CERTIFICATE');
    assert.match(other.message, /not the one of certificateSha256/u);
    assert.deepEqual(odd.requests, []);
  });

  it('is never left for RTSP', async (t) => {
    const { cert, key, sha256 } = await tls();
    const plain = await camera(t);
    const odd = await camera(t, { tls: { cert, key }, redirect: plain.url });
    const end = await watchSession(t, odd.url, { certificateSha256: sha256 }).ended();
    assert.equal(end.code, 'REFUSED_ADDRESS');
    assert.match(end.message, /scheme must stay rtsps/u);
    assert.deepEqual(plain.requests, []);
  });
});
