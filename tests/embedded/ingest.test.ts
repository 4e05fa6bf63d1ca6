import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { ingestActor } from '../../src/actors/ingest.ts';
import type { CameraRegistryMessage } from '../../src/actors/camera-registry.ts';
import { INGEST, type IngestMessage, type StreamPicture, type StreamSettings } from '../../src/actors/ingest.types.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import type { OfType } from '../../src/runtime/message.ts';
import type { ActorRef } from '../../src/runtime/ref.ts';
import { child, dynamic, supervisor } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { film } from '../support/film.ts';
import { memoryLog } from '../support/log.ts';
import { type OddCamera, type OddCameraOptions, startOddCamera } from '../support/odd-camera.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const FIT = { width: 96, height: 96 };
/** Half a second's wait and a new session take two on an idle machine; a longer wait than the first would show. */
const SOON_MS = 20_000;

let system: ActorSystem;
const pictures = new Map<string, StreamPicture[]>();
const statuses: { readonly cameraId: string; readonly text: string }[] = [];

const registryActor = defineActor<OfType<CameraRegistryMessage, 'status'>>()<null>({
  kind: 'registry',
  mailbox: { capacity: 1_000, overflow: 'refuse' },
  start: () => ({
    handlers: {
      status: ({ cameraId, state, message }) => void statuses.push({ cameraId, text: `${state}: ${message}` }),
    },
  }),
});

/** Follows a camera as its actor does, and keeps the pictures. */
const followerActor = defineActor<StreamPicture, { type: 'follow' }>()<{
  readonly cameraId: string;
  readonly settings: StreamSettings;
  readonly intervalMs: number;
}>({
  kind: 'follower',
  mailbox: { capacity: 100, overflow: 'drop-oldest' },
  start: (ctx, { cameraId, settings, intervalMs }) => {
    const follow = (): void => {
      ctx.ref(INGEST).tell({ type: 'follow', cameraId, settings, intervalMs, fit: FIT });
    };
    follow();
    ctx.setInterval('follow', 300, { type: 'follow' });
    return {
      handlers: {
        follow,
        picture: (picture) => {
          pictures.get(cameraId)?.push(picture);
          ctx.ref(INGEST).tell({ type: 'analysed', cameraId, burst: picture.burst });
        },
      },
      stop: () => void ctx.ref(INGEST).tell({ type: 'unfollow', cameraId }),
    };
  },
});

before(async () => {
  const placement = { kind: 'thread', maxHeapMb: 256 } as const;
  const tree = supervisor('root', [
    child('camera-registry', registryActor, () => null),
    child('ingest', ingestActor, () => ({ decoders: 2 }), { placement, startTimeoutMs: 30_000 }),
    dynamic('cameras'),
  ]);
  system = await startSystem(tree, { log: memoryLog(), onEscalation: (error) => assert.fail(error) });
});
after(() => system.stop());

interface Watched {
  readonly cameraId: string;
  readonly camera: OddCamera;
  readonly pictures: StreamPicture[];
  readonly ingest: ActorRef<IngestMessage>;
  readonly statuses: () => readonly string[];
  readonly socket: string;
  /** Waits for so many more pictures. */
  more(count: number, ms?: number): Promise<StreamPicture>;
}

let next = 0;

async function watch(t: TestContext, options: OddCameraOptions, intervalMs = 300): Promise<Watched> {
  const cameraId = `camera-${(next += 1)}`;
  const camera = await startOddCamera(options);
  t.after(() => camera.stop());
  const seen: StreamPicture[] = [];
  pictures.set(cameraId, seen);
  const socket = join(temporaryFolder(), 'live');
  const settings: StreamSettings = {
    url: camera.url,
    transport: 'auto',
    certificateSha256: null,
    allow: null,
    previewSocket: socket,
  };
  await system.startChild(
    '/cameras',
    child(cameraId, followerActor, () => ({ cameraId, settings, intervalMs })),
  );
  t.after(() => system.stopChild(`/cameras/${cameraId}`));
  const told = (): readonly string[] =>
    statuses.filter((status) => status.cameraId === cameraId).map((status) => status.text);
  const more = async (count: number, ms = 60_000): Promise<StreamPicture> => {
    const wanted = seen.length + count;
    await until(`${count} more pictures`, () => seen.length >= wanted, ms).catch((thrown: unknown) =>
      assert.fail(`${String(thrown)} ${told().join(' | ')}`),
    );
    return seen.at(-1)!;
  };
  return { cameraId, camera, pictures: seen, ingest: system.ref(INGEST), statuses: told, socket, more };
}

/** Process ids of the decoders of this process. */
function decoderPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+(\d+)$/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        return (
          Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('gantry-decoder')
        );
      } catch {
        return false;
      }
    });
}

const shape = ({ width, height, display }: StreamPicture): string =>
  `${width}x${height} of ${display.width}x${display.height}`;

describe('the ingest, with real cameras and decoders', () => {
  test('gives pictures, parts of them, look-backs, clips and live video of one camera', async (t) => {
    const it = await watch(t, { film: await film({ gop: 5, seconds: 2 }) });
    const picture = await it.more(3);
    assert.equal(shape(picture), '96x54 of 320x180');
    assert.equal(picture.data.length, 96 * 54 * 3);
    assert.equal(new Set(it.pictures.map(({ at }) => at)).size, it.pictures.length);
    await until('its status', () => it.statuses().some((text) => text.includes('online: receiving 320x180 H.264')));

    const cuts = [
      { left: 0, top: 0, width: 320, height: 180, maxSide: 1280 },
      { left: 10, top: 20, width: 100, height: 50, maxSide: 50 },
    ];
    const ask = { cameraId: it.cameraId, at: picture.at };
    const parts = await it.ingest.ask({ type: 'cut', ...ask, cuts }, { timeoutMs: 30_000 });
    assert.deepEqual(
      parts.map(({ width, height }) => [width, height]),
      [
        [320, 180],
        [50, 25],
      ],
    );
    await assert.rejects(it.ingest.ask({ type: 'cut', ...ask, at: 5, cuts }, { timeoutMs: 30_000 }), { code: 'GONE' });

    const burst = {
      type: 'burst',
      cameraId: it.cameraId,
      from: picture.at - 1_000,
      to: picture.at + 500,
      fps: 5,
    } as const;
    const outcome = await it.ingest.ask(burst, { timeoutMs: 30_000 });
    // Seven, fewer where pictures came late.
    assert.ok(outcome.sent >= 2 && outcome.sent <= 8, JSON.stringify(outcome));
    const looked = it.pictures.filter((each) => each.burst).map(({ at }) => at);
    assert.equal(looked.length, outcome.sent);
    assert.deepEqual(looked, looked.toSorted());

    const clip = { type: 'clip', cameraId: it.cameraId, from: picture.at - 500, to: picture.at + 700 } as const;
    const made = await it.ingest.ask(clip, { timeoutMs: 30_000 });
    assert.ok(made.ok, JSON.stringify(made));
    assert.equal(Buffer.from(made.mp4).toString('latin1', 4, 8), 'ftyp');
    assert.ok(made.from < picture.at && made.to >= picture.at, JSON.stringify([made.from, made.to, picture.at]));

    const reader = connect(it.socket);
    t.after(() => reader.destroy());
    const [first] = (await once(reader, 'data')) as [Buffer];
    assert.equal(first[0], 0x47, 'a packet of MPEG-TS');
    assert.equal(first.length % 188, 0);
  });

  test('gives a picture each interval though keyframes are rare, and after a jump of the timestamps', async (t) => {
    const rare = await film({ gop: 40, seconds: 4 });
    const it = await watch(t, { film: rare, timestampsBack: { everyMs: 1_500, byMs: 3_600_000 } });
    await it.more(1);
    const from = it.pictures.length;
    await it.more(12);
    const distances = it.pictures.slice(from).map(({ at }, index) => at - it.pictures[from + index - 1]!.at);
    const short = distances.filter((ms) => ms < 3_000);
    // All of them where the machine keeps up.
    assert.ok(short.length >= 7, `distances ${distances.join(', ')} ms, keyframes are 4,000 ms apart`);
  });

  test('follows a change of size and shape', async (t) => {
    const [wide, tall] = [await film({ gop: 5 }), await film({ gop: 5, width: 180, height: 320 })];
    const it = await watch(t, { film: wide, second: { film: tall, afterMs: 1_000 } });
    await until('both shapes', () => new Set(it.pictures.map(shape)).size >= 2);
    assert.deepEqual([...new Set(it.pictures.map(shape))], ['96x54 of 320x180', '54x96 of 180x320']);
    await until('its status', () => it.statuses().at(-1)?.includes('receiving 180x320'));
  });

  test('takes H.265 and MJPEG', async (t) => {
    // RTP gives the size of a JPEG in multiples of 8 px.
    for (const codec of ['h265', 'mjpeg'] as const) {
      const it = await watch(t, { film: await film({ codec, gop: 5, height: 160 }) });
      assert.equal(shape(await it.more(2)), '96x48 of 320x160');
    }
  });

  test('is soon back after its connection was cut, and after its decoders were killed', async (t) => {
    const it = await watch(t, { film: await film({ gop: 5 }) });
    const other = await watch(t, { film: await film({ gop: 5 }) });
    await it.more(2);
    await other.more(2);
    it.camera.drop();
    await it.more(1, SOON_MS);
    assert.ok(it.statuses().some((text) => text.startsWith('offline: ')));
    assert.ok(!other.statuses().some((text) => text.startsWith('offline: ')));
    const pids = decoderPids();
    assert.ok(pids.length > 0);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until('they are gone', () => decoderPids().every((pid) => !pids.includes(pid)));
    await Promise.all([it.more(1, SOON_MS), other.more(1, SOON_MS)]);
  });

  test('goes on after its thread was ended, and leaves no decoder behind', async (t) => {
    const it = await watch(t, { film: await film({ gop: 5 }) });
    await it.more(2);
    const old = decoderPids();
    assert.ok(old.length > 0);
    await system.restart('/ingest');
    await it.more(2);
    await until('the old decoders are gone', () => decoderPids().every((pid) => !old.includes(pid)));
  });

  test('ends the session with TEARDOWN when nobody follows the camera', async (t) => {
    const it = await watch(t, { film: await film({ gop: 5 }) });
    await it.more(1);
    await system.stopChild(`/cameras/${it.cameraId}`);
    await until('TEARDOWN', () => it.camera.requests.some(({ method }) => method === 'TEARDOWN'));
    const burst = { type: 'burst', cameraId: it.cameraId, from: 0, to: 0, fps: 1 } as const;
    await until('it is forgotten', () =>
      it.ingest.ask(burst, { timeoutMs: 30_000 }).then(
        () => false,
        (error: Error & { code?: string }) => error.code === 'UNKNOWN_CAMERA',
      ),
    );
  });
});
