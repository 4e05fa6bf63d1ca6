import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DialogueOptions, PlayDialogue, type Step } from '../../src/rtsp/play-dialogue.ts';
import type { RtspMessage } from '../../src/rtsp/wire-reader.ts';

const SDP = 'v=0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n';
type Headers = readonly (readonly [string, string])[];

const message = (start: string, headers: Headers = [], body = ''): RtspMessage => ({
  start,
  headers,
  body: Buffer.from(body),
});
const sent = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap((step) => (step.do === 'send' ? [step.bytes.toString('latin1')] : []));
const kinds = (steps: readonly Step[]): readonly string[] => steps.map((step) => step.do);

/** A dialogue and the answers of a camera to its last request. */
class Talk {
  readonly dialogue: PlayDialogue;
  last = '';

  constructor(options: Partial<DialogueOptions> = {}) {
    this.dialogue = new PlayDialogue({
      url: 'rtsp://cam:554/x',
      credentials: { username: 'u', password: 'p' },
      transport: 'auto',
      tls: false,
      ...options,
    });
    this.note(this.dialogue.start());
  }

  note(steps: readonly Step[]): readonly Step[] {
    this.last = sent(steps).at(-1) ?? this.last;
    return steps;
  }

  get cseq(): string {
    return /CSeq: (\d+)/u.exec(this.last)?.[1] ?? '';
  }

  answer(status: string, headers: Headers = [], body = ''): readonly Step[] {
    return this.note(this.dialogue.receive(message(`RTSP/1.0 ${status}`, [['cseq', this.cseq], ...headers], body)));
  }

  toPlay(): readonly Step[] {
    this.answer('200 OK', [['public', 'OPTIONS, GET_PARAMETER']]);
    this.answer('200 OK', [], SDP);
    this.answer('200 OK', [['session', 'S1;timeout=8']]);
    return this.answer('200 OK');
  }
}

test('each step follows the answer to the last', () => {
  const talk = new Talk();
  assert.match(talk.last, /^OPTIONS rtsp:\/\/cam:554\/x RTSP\/1\.0\r\nCSeq: 1\r\n/u);
  assert.equal(talk.dialogue.awaited, 'OPTIONS');
  assert.deepEqual(talk.dialogue.receive(message('RTSP/1.0 200 OK', [['cseq', '99']])), [], 'an answer to nothing');
  // OPTIONS may fail: not all cameras know it.
  talk.answer('405 Method Not Allowed');
  assert.match(talk.last, /^DESCRIBE .*\r\nAccept: application\/sdp\r\n\r\n$/su);
  talk.answer('200 OK', [['content-base', 'rtsp://10.0.0.9/y']], SDP);
  assert.match(
    talk.last,
    /^SETUP rtsp:\/\/10\.0\.0\.9\/y\/track1 .*Transport: RTP\/AVP\/TCP;unicast;interleaved=0-1/su,
  );
  const steps = talk.answer('200 OK', [
    ['session', 'S1;timeout=8'],
    ['transport', 'RTP/AVP/TCP;interleaved=2-3'],
  ]);
  assert.deepEqual(kinds(steps), ['receive', 'send']);
  assert.deepEqual(steps[0]?.do === 'receive' && steps[0].transport, { kind: 'tcp', rtp: 2, rtcp: 3 });
  assert.match(talk.last, /^PLAY rtsp:\/\/10\.0\.0\.9\/y RTSP.*Session: S1\r\n/su);
  assert.deepEqual(talk.answer('200 OK'), [{ do: 'played', keepAliveMs: 4_000 }]);
  assert.equal(talk.dialogue.awaited, null);
  assert.deepEqual(talk.dialogue.packetCame(), [], 'it plays already');
});

test('a packet stands for the answer to PLAY that a camera never sends', () => {
  const talk = new Talk();
  talk.answer('200 OK');
  talk.answer('200 OK', [], SDP);
  talk.answer('200 OK', [['session', 'S1']]);
  assert.deepEqual(talk.dialogue.packetCame(), [{ do: 'played', keepAliveMs: 30_000 }]);
  assert.equal(talk.dialogue.awaited, null);
});

test('TCP refused: UDP ports, unless the packets must stay in TLS or TCP is wanted', () => {
  for (const [options, expected] of [
    [{}, ['bind-udp']],
    [{ tls: true }, ['end']],
    [{ transport: 'tcp' }, ['end']],
  ] as const) {
    const talk = new Talk(options);
    talk.answer('200 OK');
    talk.answer('200 OK', [], SDP);
    assert.deepEqual(kinds(talk.answer('461 Unsupported Transport')), expected);
  }
  const talk = new Talk({ transport: 'udp' });
  talk.answer('200 OK');
  assert.deepEqual(kinds(talk.answer('200 OK', [], SDP)), ['bind-udp']);
  talk.note(talk.dialogue.udpBound([5_000, 5_001]));
  assert.match(talk.last, /Transport: RTP\/AVP;unicast;client_port=5000-5001/u);
  const [receive] = talk.answer('200 OK', [['transport', 'RTP/AVP;unicast;server_port=6000-6001']]);
  assert.deepEqual(receive?.do === 'receive' && receive.transport, { kind: 'udp', serverPorts: [6_000, 6_001] });
});

test('a camera that answers TCP with UDP is asked again', () => {
  const talk = new Talk();
  talk.answer('200 OK');
  talk.answer('200 OK', [], SDP);
  assert.deepEqual(
    kinds(
      talk.answer('200 OK', [
        ['transport', 'RTP/AVP;unicast'],
        ['session', 'S1'],
      ]),
    ),
    ['bind-udp'],
  );
  talk.note(talk.dialogue.udpBound([5_000, 5_001]));
  assert.match(talk.last, /^SETUP .*Session: S1/su);
});

test('keep-alives: one unanswered at most, by OPTIONS once GET_PARAMETER is unknown', () => {
  const talk = new Talk();
  assert.deepEqual(talk.dialogue.keepAlive(), [], 'not before it plays');
  talk.toPlay();
  for (let round = 0; round < 100; round += 1) talk.note(talk.dialogue.keepAlive());
  assert.match(talk.last, /^GET_PARAMETER .*Session: S1/su);
  const old = message('RTSP/1.0 501 Not Implemented', [['cseq', '7']]);
  assert.deepEqual(talk.dialogue.receive(old), []);
  talk.note(talk.dialogue.keepAlive());
  assert.match(talk.last, /^GET_PARAMETER/u, 'the old answer was forgotten');
  assert.deepEqual(talk.answer('501 Not Implemented'), []);
  talk.note(talk.dialogue.keepAlive());
  assert.match(talk.last, /^OPTIONS rtsp/u);
  // Refused for good, and it goes on all the same.
  const digest = ['www-authenticate', 'Digest realm="x", nonce="n"'] as const;
  assert.deepEqual(kinds(talk.answer('401 Unauthorized', [digest])), ['send']);
  assert.deepEqual(talk.answer('401 Unauthorized', [digest]), []);
});

test('leaving: TEARDOWN for a session that is or will be set up, and nothing else', () => {
  const early = new Talk();
  assert.deepEqual(early.dialogue.leave(), [{ do: 'left' }]);
  assert.deepEqual(early.dialogue.leave(), [], 'once');

  const during = new Talk();
  during.answer('200 OK');
  during.answer('200 OK', [], SDP);
  assert.deepEqual(during.dialogue.leave(), []);
  during.answer('200 OK', [['session', 'S7']]);
  assert.match(during.last, /^TEARDOWN rtsp:\/\/cam:554\/x .*Session: S7/su);
  assert.deepEqual(during.answer('200 OK'), [{ do: 'left' }]);

  const nameless = new Talk();
  nameless.answer('200 OK');
  nameless.answer('200 OK', [], SDP);
  nameless.answer('200 OK');
  nameless.note(nameless.dialogue.leave());
  assert.match(nameless.last, /^TEARDOWN (?!.*Session)/su);
  assert.deepEqual(kinds(nameless.answer('401 No', [['www-authenticate', 'Basic realm="x"']])), ['send']);
  assert.deepEqual(nameless.answer('401 No', [['www-authenticate', 'Basic realm="x"']]), [{ do: 'left' }]);
});

test("the camera's own requests", () => {
  const talk = new Talk();
  talk.toPlay();
  const ask = (start: string, headers: Headers = []): readonly Step[] => talk.dialogue.receive(message(start, headers));
  assert.match(
    sent(ask('GET_PARAMETER * RTSP/1.0', [['cseq', '5\r\nX: y']]))[0] ?? '',
    /^RTSP\/1\.0 200 OK\r\nCSeq: 5X: y\r\n/u,
  );
  assert.match(sent(ask('ANNOUNCE * RTSP/1.0', [['cseq', '6']]))[0] ?? '', /^RTSP\/1\.0 501/u);
  const moved = ask('REDIRECT * RTSP/1.0', [['location', 'rtsp://b/x']]);
  assert.deepEqual(moved[1], { do: 'redirect', location: 'rtsp://b/x' });
  assert.deepEqual(ask('REDIRECT * RTSP/1.0')[1], { do: 'redirect', location: 'rtsp://cam:554/x' });
  const [, end] = ask('TEARDOWN * RTSP/1.0');
  assert.equal(end?.do === 'end' && end.end.code, 'ENDED');
});

test('nothing that a camera says becomes a header of ours', () => {
  const talk = new Talk();
  talk.answer('200 OK');
  talk.answer('200 OK', [], 'v=0\nm=video 0 RTP/AVP 26\na=control:rtsp://cam/x\u0000\u0007y\n');
  assert.match(talk.last, /^SETUP rtsp:\/\/cam\/xy RTSP\/1\.0\r\n/u);
  talk.answer('200 OK', [['session', 'S1\r\nX-Evil: 1;timeout=8']]);
  assert.match(talk.last, /Session: S1X-Evil: 1\r\n/u);
});
