import assert from 'node:assert/strict';
import { before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { type Film, film, nalUnits } from '../support/film.ts';
import { type OddCamera, type OddCameraOptions, startOddCamera } from '../support/odd-camera.ts';
import { watchSession } from '../support/rtsp-client.ts';
import { until } from '../support/until.ts';

let clip: Film;
before(async () => {
  clip = await film({ fps: 25, gop: 25, seconds: 2 });
});

async function camera(t: TestContext, options: Partial<OddCameraOptions> = {}): Promise<OddCamera> {
  const started = await startOddCamera({ film: clip, pace: 'manual', ...options });
  t.after(() => started.stop());
  return started;
}

const methods = ({ requests }: OddCamera): readonly string[] => requests.map(({ method }) => method);

/** Waits until all that was asked of the camera plays, then shows `count` pictures. */
async function show(odd: OddCamera, count: number): Promise<void> {
  await until('the session to play', () => odd.playing > 0, 30_000, 5);
  odd.send(count);
}

describe('what a session plays', () => {
  for (const codec of ['h264', 'h265', 'mjpeg'] as const) {
    for (const transport of ['tcp', 'udp'] as const) {
      it(`${codec} by ${transport}, picture for picture, then TEARDOWN`, async (t) => {
        const shown = await film({ codec, fps: 25, gop: 25, seconds: 1 });
        const odd = await camera(t, { film: shown });
        const watched = watchSession(t, odd.url, { transport });
        await show(odd, 26);
        await watched.played(25);
        assert.deepEqual(watched.streams, [{ codec, transport }]);
        assert.deepEqual(watched.events, ['playing', 'unit']);
        assert.deepEqual(
          watched.units.slice(0, 25).map(({ isKey }) => isKey),
          shown.units.map(({ isKey }) => isKey),
        );
        assert.equal(watched.units[1]!.pts - watched.units[0]!.pts, 3_600);
        if (codec !== 'mjpeg') {
          assert.deepEqual(nalUnits(Buffer.from(watched.units[1]!.data)), nalUnits(shown.units[1]!.data));
        }
        assert.ok(watched.session.bytes > 10_000 && watched.session.lost === 0);
        assert.ok(Math.abs(watched.session.lastPacketAt! - Date.now()) < 60_000);
        await watched.session.stop();
        await until('no session is left', () => odd.sessions === 0 && odd.connections === 0);
        assert.deepEqual(methods(odd), ['OPTIONS', 'DESCRIBE', 'SETUP', 'PLAY', 'TEARDOWN']);
        assert.deepEqual(watched.ends, [], 'nobody is told after stop');
        if (transport === 'udp') assert.equal(odd.punches, 1, 'the way through a firewall was opened');
      });
    }
  }

  it('the video track alone, where SETUP of the audio fails', async (t) => {
    const odd = await camera(t, { badAudio: true });
    const watched = watchSession(t, odd.url);
    await show(odd, 2);
    await watched.played();
    assert.equal(odd.requests.filter(({ method }) => method === 'SETUP').length, 1);
  });

  it('cameras that answer in their own way', async (t) => {
    const habits = [
      { noCseq: true },
      { lfOnly: true },
      { headerCase: 'lower' },
      { headerCase: 'upper', contentBase: 'location' },
      { contentBase: 'no-slash', channels: 'left-out' },
      { contentBase: 'none', channels: 'others' },
      { control: 'absolute' },
      { control: 'star', strangeChannel: true },
      { noParameterSets: true, timeoutSeconds: null },
      { dataBeforePlayReply: true },
      { garbageEveryMs: 0 },
    ] as const;
    await Promise.all(
      habits.map(async (habit) => {
        const odd = await camera(t, habit);
        const watched = watchSession(t, odd.url);
        await show(odd, 3);
        await watched.played(2).catch((error: unknown) => assert.fail(`${JSON.stringify(habit)}: ${String(error)}`));
        if ('garbageEveryMs' in habit) {
          await delay(2);
          odd.send(5);
          await watched.played(6);
        }
        assert.equal(watched.session.lost, 0);
      }),
    );
  });

  it('a URL with its scheme in capitals, and one of IPv6', async (t) => {
    const odd = await camera(t);
    const watched = watchSession(t, odd.url.replace('rtsp:', 'RTSP:'));
    await show(odd, 2);
    await watched.played();
    assert.match(odd.requests[0]!.url, /^rtsp:/u);

    const six = await camera(t, { host: '::1' }).catch(() => null);
    if (six === null) return t.diagnostic('no IPv6 here');
    for (const transport of ['tcp', 'udp'] as const) {
      const other = watchSession(t, six.url, { transport });
      await show(six, 26);
      await other.played();
      await other.session.stop();
    }
  });

  it('another film in the same session: new size, new parameter sets', async (t) => {
    const portrait = await film({ fps: 25, gop: 25, seconds: 1, width: 180, height: 320 });
    const odd = await camera(t);
    const watched = watchSession(t, odd.url);
    await show(odd, 25);
    await watched.played(24);
    odd.set({ second: { film: portrait, afterMs: -1 } });
    odd.send(25);
    const sets = nalUnits(portrait.units[0]!.data).slice(0, 2);
    await until('a keyframe with the new sets', () => {
      const last = watched.units.findLast(({ isKey }) => isKey)!;
      return nalUnits(Buffer.from(last.data))[0]!.equals(sets[0]!);
    });
  });

  it('timestamps that jump back, with arrival times that never do', async (t) => {
    const odd = await camera(t, { timestampsBack: { everyMs: 20, byMs: 3_600_000 } });
    const watched = watchSession(t, odd.url);
    for (let picture = 0; picture < 10; picture += 1) {
      await show(odd, 1);
      await delay(10);
    }
    await watched.played(8);
    const { units } = watched;
    assert.ok(
      units.some((unit, index) => index > 0 && unit.pts < units[index - 1]!.pts),
      'the jump is passed on',
    );
    assert.ok(units.every((unit, index) => index === 0 || unit.at >= units[index - 1]!.at));
  });

  it('lost and late packets by UDP: whole pictures only', async (t) => {
    const odd = await camera(t, { loseEvery: 40, swapEvery: 10 });
    const watched = watchSession(t, odd.url, { transport: 'udp' });
    await until('the session to play', () => odd.playing > 0, 30_000, 5);
    await until('pictures in spite of losses', async () => {
      odd.send(5);
      await delay(5);
      return watched.units.length > 20 && watched.session.lost > 0;
    });
    for (const { data, isKey } of watched.units) {
      assert.ok(
        clip.units.some(
          (unit) =>
            unit.isKey === isKey &&
            nalUnits(unit.data)
              .at(-1)!
              .equals(nalUnits(Buffer.from(data)).at(-1)!),
        ),
      );
    }
  });
});

describe('how a session asks', () => {
  it('by UDP where the camera refuses TCP, and by TCP alone where that is wanted', async (t) => {
    const odd = await camera(t, { transport: 'udp' });
    const watched = watchSession(t, odd.url);
    await show(odd, 2);
    await watched.played();
    assert.equal(watched.streams[0]!.transport, 'udp');
    const end = await watchSession(t, odd.url, { transport: 'tcp' }).ended();
    assert.deepEqual([end.code, end.retryAfterMs], ['REFUSED', null]);
    assert.match(end.message, /does not send its packets by TCP \(461\); set the transport to auto/u);
  });

  it('waits for a slow DESCRIBE', async (t) => {
    const answer = Promise.withResolvers<void>();
    const odd = await camera(t, { describeAfter: answer.promise });
    const clock = new ManualClock();
    const watched = watchSession(t, odd.url, { clock });
    await until('DESCRIBE', () => methods(odd).includes('DESCRIBE'));
    await clock.advance(29_500);
    answer.resolve();
    await show(odd, 2);
    await watched.played();
  });

  it('gives up a DESCRIBE after 30 s, with TEARDOWN only where there is a session', async (t) => {
    const odd = await camera(t, { describeAfter: new Promise(() => undefined) });
    const clock = new ManualClock();
    const watched = watchSession(t, odd.url, { clock });
    await until('DESCRIBE', () => methods(odd).includes('DESCRIBE'));
    await clock.advance(30_500);
    const end = await watched.ended();
    assert.equal(end.code, 'SILENT');
    assert.match(end.message, /did not answer DESCRIBE within 30 s/u);
    assert.ok(!methods(odd).includes('TEARDOWN'));
  });

  it('keeps a session alive at half of its time-out, by the method that the camera knows', async (t) => {
    for (const noGetParameter of [false, true]) {
      const odd = await camera(t, { dropAfterMs: 20_000, timeoutSeconds: 20, noGetParameter });
      const clock = new ManualClock();
      const watched = watchSession(t, odd.url, { clock });
      await show(odd, 2);
      await watched.played();
      const earlier = odd.requests.length;
      for (let second = 0; second < 31; second += 1) {
        const { length } = watched.units;
        odd.send(1);
        await until('the picture', () => watched.units.length > length, 30_000, 1);
        await clock.advance(1_000);
      }
      const method = noGetParameter ? 'OPTIONS' : 'GET_PARAMETER';
      await until('three of them', () => odd.requests.length === earlier + 3);
      assert.deepEqual(methods(odd).slice(earlier), [method, method, method]);
      assert.ok(odd.requests.at(-1)!.headers.has('session'));
      assert.deepEqual(watched.ends, []);
      assert.ok(odd.reports.length >= 5, 'receiver reports go out too');
      await watched.session.stop();
    }
  });

  it('goes on when the camera refuses to be kept alive', async (t) => {
    const odd = await camera(t, { timeoutSeconds: 2 });
    const clock = new ManualClock();
    const watched = watchSession(t, odd.url, { clock });
    await show(odd, 2);
    await watched.played();
    odd.set({
      answer: ({ method }) => (method === 'TEARDOWN' ? null : 'RTSP/1.0 501 Not Implemented\nCSeq: {CSeq}\n\n'),
    });
    await until('a keep-alive by each method', async () => {
      await clock.advance(250);
      return methods(odd).includes('GET_PARAMETER') && methods(odd).at(-1) === 'OPTIONS';
    });
    odd.send(3);
    await watched.played(4);
    assert.deepEqual(watched.ends, []);
  });

  it("answers the camera's own requests", async (t) => {
    const odd = await camera(t);
    const watched = watchSession(t, odd.url);
    await show(odd, 2);
    await watched.played();
    odd.write(
      'OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\nANNOUNCE rtsp://x/y RTSP/1.0\r\nCSeq: 8\r\nContent-Length: 3\r\n\r\nv=0',
    );
    await until('two answers', () => odd.answers.length === 2);
    assert.deepEqual(odd.answers, ['RTSP/1.0 200 OK', 'RTSP/1.0 501 Not Implemented']);
    odd.send(2);
    await watched.played(3);
  });

  it('says TEARDOWN also when it is stopped during SETUP, or ends for a fault', async (t) => {
    const odd = await camera(t);
    const watched = watchSession(t, odd.url);
    await until('SETUP', () => methods(odd).includes('SETUP'), 30_000, 0);
    await watched.session.stop();
    await until('TEARDOWN', () => methods(odd).includes('TEARDOWN'));
    assert.equal(odd.sessions, 0);

    const silent = await camera(t, { stopAfterMs: -1 });
    const clock = new ManualClock();
    const other = watchSession(t, silent.url, { clock });
    await until('PLAY', () => silent.playing > 0, 30_000, 5);
    await until('the end', async () => {
      await clock.advance(1_000);
      return other.ends.length > 0;
    });
    assert.equal(other.ends[0]!.code, 'SILENT');
    await until('TEARDOWN', () => methods(silent).at(-1) === 'TEARDOWN' && silent.sessions === 0);
  });

  it('stops while it dials, and after a second where the camera does not answer', async (t) => {
    const odd = await camera(t);
    await watchSession(t, odd.url).session.stop();
    const mute = await camera(t, { answer: ({ method }) => (method === 'TEARDOWN' ? '' : null) });
    const clock = new ManualClock();
    const watched = watchSession(t, mute.url, { clock });
    await show(mute, 2);
    await watched.played();
    const stopped = watched.session.stop();
    await until('TEARDOWN', () => methods(mute).at(-1) === 'TEARDOWN');
    await clock.advance(1_000);
    await stopped;
  });
});
