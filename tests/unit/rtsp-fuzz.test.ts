import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlayDialogue, type Step } from '../../src/rtsp/play-dialogue.ts';
import { RtcpReports } from '../../src/rtsp/rtcp-reports.ts';
import { RtpReceiver } from '../../src/rtsp/rtp-receiver.ts';
import { readDescription } from '../../src/rtsp/video-description.ts';
import { RtspSyntaxError, WireReader } from '../../src/rtsp/wire-reader.ts';
import { Random } from '../support/random.ts';

const SEEDS = 4_000;
const SDP =
  'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n' +
  'a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z00AKpWoHgCJ+WEAAAMAAQ==,aO48gA==\r\na=control:track1\r\n';

const reply = (cseq: number, headers: string, body = ''): string =>
  `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${headers}${body === '' ? '' : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

function packet(channel: number, payload: Buffer): string {
  const head = Buffer.from([0x24, channel, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]).toString('latin1');
}

function rtp(sequence: number, picture: number, isLast: boolean, payload: readonly number[]): Buffer {
  const header = [0x80, isLast ? 0xe0 : 0x60, 0, sequence, 0, 0, picture, 0, 0, 0, 0, 1];
  return Buffer.from([...header, ...payload]);
}

/** All that a camera sends from the first answer to the first pictures. */
const SESSION = [
  reply(1, 'Public: OPTIONS, DESCRIBE, GET_PARAMETER\r\n'),
  'RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n' +
    'WWW-Authenticate: Digest realm="x", nonce="abc", algorithm=SHA-256, qop="auth"\r\n\r\n',
  reply(3, 'Content-Base: rtsp://cam/x/\r\nContent-Type: application/sdp\r\n', SDP),
  reply(4, 'Session: 12345678;timeout=60\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n'),
  reply(5, 'RTP-Info: url=rtsp://cam/x/track1;seq=1\r\n'),
  packet(0, rtp(1, 1, false, [0x67, 0x4d, 0, 0x2a, 0x95, 0xa8])),
  packet(0, rtp(2, 1, false, [0x7c, 0x85, 0x88, 2, 3, 4])),
  packet(0, rtp(3, 1, true, [0x7c, 0x45, 5, 6, 7, 8])),
  packet(1, Buffer.from([0x80, 200, 0, 6, ...Array.from({ length: 24 }, (_, index) => index)])),
  packet(0, rtp(4, 2, true, [0x78, 0, 2, 0x41, 0x9a, 0, 2, 0x41, 2])),
  'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n',
  reply(6, ''),
].join('');

/** Flips, cuts, doubles and inserts bytes. */
function mutated(text: string, random: Random): Buffer {
  const bytes = [...Buffer.from(text, 'latin1')];
  const changes = 1 + random.below(12);
  for (let change = 0; change < changes; change += 1) {
    const at = random.below(bytes.length);
    const kind = random.below(5);
    if (kind === 0) bytes[at] = random.below(256);
    else if (kind === 1) bytes.splice(at, 1 + random.below(30));
    else if (kind === 2) bytes.splice(at, 0, ...bytes.slice(at, at + random.below(60)));
    else if (kind === 3) bytes.splice(at, 0, ...Array.from({ length: random.below(20) }, () => random.below(256)));
    else
      bytes.splice(
        at,
        0,
        ...Buffer.from(random.pick(['$', '\r\n', '\r\n\r\n', 'RTSP/1.0 ', '99999999', ';', ',', '"'])),
      );
  }
  return Buffer.from(bytes);
}

/** A whole client but for its sockets and timers. */
class Client {
  units = 0;
  steps = 0;
  readonly #dialogue = new PlayDialogue({
    url: 'rtsp://cam:554/x',
    credentials: { username: 'u', password: 'p' },
    transport: 'auto',
    tls: false,
  });
  readonly #reports = new RtcpReports();
  #receiver: RtpReceiver | null = null;
  readonly #reader = new WireReader({
    onMessage: (message) => this.#perform(this.#dialogue.receive(message)),
    onPacket: (channel, payload) => {
      if (channel === 0) this.#receiver?.push(payload, 1_000);
      else this.#reports.receive(payload, 1_000);
    },
  });

  constructor() {
    this.#perform(this.#dialogue.start());
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk);
    const { stats } = this.#receiver ?? {};
    if (stats !== undefined) this.#reports.report(stats, 2_000);
  }

  #perform(steps: readonly Step[]): void {
    for (const step of steps) {
      this.steps += 1;
      if (step.do === 'send')
        assert.match(step.bytes.toString('latin1'), /^[A-Z_]+(?:\/| )[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n$/u);
      if (step.do === 'receive')
        this.#receiver = new RtpReceiver(step.track, { reorder: false, onUnit: () => (this.units += 1) });
    }
  }
}

test(`${SEEDS} seeds of damaged sessions: no crash but the error for bad RTSP, and bounded work`, () => {
  const whole = new Client();
  whole.push(Buffer.from(SESSION, 'latin1'));
  assert.ok(whole.steps === 8 && whole.units > 0, 'the undamaged session plays');
  let [refused, advanced] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const random = new Random(seed);
    const bytes = mutated(SESSION, random);
    const client = new Client();
    try {
      for (let at = 0; at < bytes.length;) {
        const end = at + 1 + random.below(400);
        client.push(bytes.subarray(at, end));
        at = end;
      }
    } catch (error) {
      assert.ok(error instanceof RtspSyntaxError, `seed ${seed}: ${String(error)}`);
      refused += 1;
    }
    if (client.steps > 3) advanced += 1;
    assert.ok(client.steps < 200, `seed ${seed}`);
  }
  assert.ok(refused > 10 && advanced > SEEDS / 4, `${refused} refused, ${advanced} advanced`);
});

test(`${SEEDS} seeds of damaged descriptions`, () => {
  let found = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const sdp = mutated(SDP, new Random(seed)).toString('latin1');
    try {
      const described = readDescription(sdp, 'rtsp://cam/x');
      if ('track' in described) {
        found += 1;
        assert.ok(described.control.length < 5_000 && !/[\r\n ]/u.test(described.control), `seed ${seed}`);
      }
    } catch (error) {
      assert.ok(error instanceof RtspSyntaxError, `seed ${seed}: ${String(error)}`);
    }
  }
  assert.ok(found > SEEDS / 4, `${found}`);
});

test('hostile texts that would cost square time', () => {
  const texts = ['RTSP/', '$\0', '$', 'RTSP/1.0 200', '\r', ' ', 'a:', 'A '];
  for (const text of texts) {
    const wire = new WireReader({ onMessage: () => undefined, onPacket: () => undefined });
    wire.expect([0, 1]);
    const chunk = Buffer.from(text.repeat(Math.ceil(60_000 / text.length)), 'latin1');
    try {
      wire.push(Buffer.from([0xff]));
      for (let round = 0; round < 20; round += 1) wire.push(chunk);
    } catch (error) {
      assert.ok(error instanceof RtspSyntaxError, String(error));
    }
  }
  for (const text of ['a=rtpmap:96 ', 'a=control: ', 'm=video ', 'm=video 0 RTP/AVP 96 ', '\r', 'a=fmtp:96 x=;']) {
    try {
      readDescription(text.repeat(Math.ceil(262_144 / text.length)), 'rtsp://cam/x');
      readDescription(`m=video 0 RTP/AVP 96\n${`${text}\n`.repeat(Math.ceil(250_000 / text.length))}`, 'rtsp://cam/x');
    } catch (error) {
      assert.ok(error instanceof RtspSyntaxError, String(error));
    }
  }
});
