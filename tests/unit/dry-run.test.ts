import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dryRunPort } from '../../src/app/dry-run-port.ts';
import { answerScenes, sceneElsewhere } from '../../src/app/scene-elsewhere.ts';
import type { PlayedFrame } from '../../src/dry-run/dry-run.types.ts';
import { DryRuns, PLAY_MS } from '../../src/dry-run/dry-runs.ts';
import { playInTime } from '../../src/dry-run/play-in-time.ts';
import type { HttpError } from '../../src/http/errors/http-error.ts';
import { DryRunReport } from '../../src/http/schemas/dry-run-schema.ts';
import type { Bus, ReadOptions, Requests, StoredMessage } from '../../src/infra/bus.ts';
import { sceneVersion } from '../../src/scene/scene-version.ts';
import type { SceneConfig } from '../../src/messages/scene.ts';
import { DRIVE_START, drivenFrames, laneScene } from '../support/driven-frames.ts';

const CONFIDENCE = 0.35;

/** All frames, played in no time. */
const playAll = (frames: readonly PlayedFrame[], ...scenes: readonly (SceneConfig | null)[]) =>
  playInTime({ frames, scenes, confidence: CONFIDENCE, playMs: PLAY_MS }, () => 0).outcomes;

describe('a scene played over recorded frames', () => {
  it('finds a wrong-way car where the lane leads the other way, and none where it leads its way', () => {
    const frames = drivenFrames();
    const scenes = [laneScene('against-the-car'), laneScene('with-the-car'), null];
    const [against, along, without] = playAll(frames, ...scenes);
    const [incident, ...others] = against!.incidents;
    assert.equal(others.length, 0);
    assert.deepEqual([incident?.kind, incident?.zone, incident?.endedAt], ['wrong-way', 'north-bound', null]);
    const frame = frames.find(({ requestId }) => requestId === incident!.requestId);
    assert.equal(incident!.imageId, frame?.imageId);
    assert.deepEqual(against!.counts, { 'wrong-way': 1 });
    assert.ok(Math.abs((incident!.evidence.speedKmh ?? 0) - 10.8) < 2, `${incident!.evidence.speedKmh} km/h`);
    assert.deepEqual([along!.counts, without!.counts], [{}, {}]);
  });

  it('goes by the thresholds of the scene', () => {
    const scene = { ...laneScene('against-the-car'), thresholds: { 'wrong-way': { enabled: false } } };
    assert.deepEqual(playAll(drivenFrames(), scene)[0]?.counts, {});
  });

  it('begins anew with pictures of another size, and tells a calibration that cannot be used', () => {
    const frames = drivenFrames();
    const halves = frames.map((frame, index): PlayedFrame => (index < 7 ? frame : { ...frame, width: 640 }));
    const [outcome] = playAll(halves.slice(5, 9), laneScene('against-the-car'));
    assert.deepEqual(outcome?.counts, {});
    const calibration = [1, 2, 3, 4].map((n): { image: [number, number]; road: [number, number] } => ({
      image: [n * 100, n * 100],
      road: [n, n],
    }));
    assert.match(playAll(frames, { ...laneScene('with-the-car'), calibration })[0]?.problem ?? '', /not used/);
  });
});

/** A clock that is read after each frame, and moves on by `msOf` it: frames are counted as they are played. */
function playClock(msOf: (played: number) => number) {
  let [now, reads] = [0, 0];
  return { read: () => (now += msOf((reads += 1))), now: () => now };
}

describe('a dry run that has no time for all frames', () => {
  const frames = Array.from({ length: 40 }, (_, round) => drivenFrames(DRIVE_START + round * 60_000)).flat();
  const job = { frames, scenes: [laneScene('against-the-car'), null], confidence: CONFIDENCE };

  it('plays as many of the newest as fit, the same ones with each scene', () => {
    const clock = playClock(() => 20);
    const { first, count, outcomes } = playInTime({ ...job, playMs: 5_000 }, clock.read);
    assert.ok(clock.now() <= 5_000, `${clock.now()} ms`);
    assert.equal(first + count, frames.length, 'up to the newest');
    assert.ok(count > 100 && count < 250, `${count} frames`);
    const [tried, present] = outcomes;
    assert.ok((tried?.counts['wrong-way'] ?? 0) >= Math.floor(count / 13), JSON.stringify(tried?.counts));
    assert.equal(present?.counts['wrong-way'], undefined);
  });

  it('judges once more when the frames turn out slower, and stops in the end', () => {
    const slower = playClock((played) => (played < 30 ? 1 : 30));
    const judged = playInTime({ ...job, playMs: 4_000 }, slower.read);
    assert.ok(slower.now() <= 4_000 && judged.count > 50, `${slower.now()} ms, ${judged.count} frames`);
    assert.equal(judged.first + judged.count, frames.length);
    const slowest = playClock((played) => (played < 505 ? 1 : 500));
    const cut = playInTime({ ...job, playMs: 4_000 }, slowest.read);
    assert.ok(slowest.now() < 4_500, `${slowest.now()} ms`);
    assert.ok(cut.first === 0 && cut.count > 500 && cut.count < frames.length, `${cut.count} frames`);
  });

  it('plays everything where there is time, and one frame where there is none', () => {
    const all = playInTime({ ...job, playMs: 100_000 }, playClock(() => 1).read);
    assert.deepEqual([all.first, all.count], [0, frames.length]);
    assert.equal(playInTime({ ...job, playMs: 100 }, playClock(() => 10_000).read).count, 1);
    assert.equal(playInTime({ ...job, frames: [], playMs: 100 }, () => 0).count, 0);
  });
});

describe('the scene of a camera of another process', () => {
  it('is asked of the process that reads it: null without one, and where there is no such camera', async () => {
    const scene = laneScene('with-the-car');
    const changed = { by: 'kim', at: '2026-01-02T03:04:05.000Z' };
    const entries = new Map([
      ['north', { config: { scene }, sceneChange: changed }],
      ['south', { config: {}, sceneChange: null }],
    ]);
    const system = { ref: () => ({ ask: async (asked: { cameraId: string }) => entries.get(asked.cameraId) ?? null }) };
    type Handler = Parameters<Requests['answer']>[2];
    let handler: Handler | null = null;
    answerScenes({ answer: (_s, _p, given) => ((handler = given as Handler), () => undefined) }, system as never);
    const ask: Requests['ask'] = async (subject, body, parser) => {
      assert.equal(subject, `scenes-wanted.${(body as { cameraId: string }).cameraId}`);
      const answer = await handler!(body);
      return answer === null ? { outcome: 'silent' } : { outcome: 'answered', body: parser.parse(answer) };
    };
    const sceneOf = sceneElsewhere({ ask });
    assert.deepEqual(await sceneOf('north'), { scene, changed });
    assert.deepEqual(await sceneOf('south'), { scene: null, changed: null });
    const read = await sceneOf('north');
    assert.ok(read !== null && read.scene !== null);
    assert.equal(sceneVersion(read.scene), sceneVersion(scene), 'every node gives it the same version');
    assert.equal(await sceneOf('nobody'), null);
    const alone = sceneElsewhere({ ask: async () => ({ outcome: 'nobody' }) });
    await assert.rejects(alone('north'), /no process with the role cameras/u);
  });
});

/** A port over a stream that holds these frames. */
function world(frames: readonly PlayedFrame[], dryRuns: Pick<DryRuns, 'run'>) {
  const reads: Pick<ReadOptions<unknown>, 'stream' | 'filter' | 'from' | 'limit'>[] = [];
  const read: Bus['read'] = async <T>({ parser, ...asked }: ReadOptions<T>) => {
    reads.push(asked);
    return frames.map((frame, index): StoredMessage<T> => {
      const { requestId, imageId, width: imageWidth, height: imageHeight, objects } = frame;
      const detectedObjects = objects.map((each, objectId) => ({ ...each, objectId, trackId: 1, velocity: null }));
      const timestamp = new Date(frame.at).toISOString();
      const body = parser.parse({ requestId, imageId, imageWidth, imageHeight, timestamp, detectedObjects });
      return { body, subject: 'detection-results.north', seq: index + 1, storedAt: frame.at };
    });
  };
  const port = dryRunPort({
    bus: { read },
    dryRuns,
    cameras: { scene: async (id) => (id === 'north' ? { scene: laneScene('against-the-car'), changed: null } : null) },
    clock: { now: () => DRIVE_START + 60_000 },
    confidence: CONFIDENCE,
  });
  return { port, reads };
}

describe('the port of dry runs', () => {
  it('plays the last minutes of the camera, with the new scene and with its present one', async (t) => {
    const dryRuns = new DryRuns();
    t.after(() => dryRuns.close());
    const { port, reads } = world(drivenFrames().toReversed(), dryRuns);
    const report = await port({ cameraId: 'north', scene: laneScene('with-the-car'), minutes: 2 });
    assert.deepEqual(DryRunReport.parse(report), report);
    assert.deepEqual([report?.frames, report?.counts, report?.withoutScene], [13, {}, { 'wrong-way': 1 }]);
    assert.equal(report?.from, new Date(DRIVE_START).toISOString());
    assert.equal(report?.to, new Date(DRIVE_START + 6_000).toISOString());
    const [asked] = reads;
    assert.deepEqual(
      [asked?.stream, asked?.filter, asked?.from],
      ['DETECTIONS', 'detection-results.north', { time: DRIVE_START - 60_000 }],
    );
    assert.equal(await port({ cameraId: 'nobody', scene: laneScene('with-the-car'), minutes: 2 }), null);
  });

  it('says how many frames of those recorded were played', async () => {
    const frames = drivenFrames();
    const outcome = { incidents: [], counts: {}, problem: null };
    const run: DryRuns['run'] = async (read) => {
      assert.equal((await read()).playMs, PLAY_MS);
      return { first: 4, count: 8, outcomes: [outcome, outcome] };
    };
    const report = await world(frames, { run }).port({
      cameraId: 'north',
      scene: laneScene('with-the-car'),
      minutes: 2,
    });
    assert.deepEqual(
      [report?.frames, report?.recorded, report?.from, report?.to],
      [8, 13, new Date(DRIVE_START + 2_000).toISOString(), new Date(DRIVE_START + 5_500).toISOString()],
    );
  });

  it('says the asked time where there was no frame', async (t) => {
    const dryRuns = new DryRuns();
    t.after(() => dryRuns.close());
    const report = await world([], dryRuns).port({ cameraId: 'north', scene: laneScene('with-the-car'), minutes: 1 });
    assert.deepEqual(
      [report?.frames, report?.from, report?.to],
      [0, new Date(DRIVE_START).toISOString(), new Date(DRIVE_START + 60_000).toISOString()],
    );
  });

  it('refuses a seventh at once with 429, and one that takes too long with 503', async (t) => {
    const dryRuns = new DryRuns();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    t.after(() => dryRuns.close());
    const job = { frames: [], scenes: [null], confidence: CONFIDENCE, playMs: PLAY_MS };
    const six = Array.from({ length: 6 }, () => dryRuns.run(() => gate.then(() => job)));
    const { port, reads } = world([], dryRuns);
    const order = { cameraId: 'north', scene: laneScene('with-the-car'), minutes: 1 };
    await assert.rejects(port(order), (error: HttpError) => error.code === 'TOO_MANY' && error.statusCode === 429);
    assert.equal(reads.length, 0, 'nothing was read for it');
    open();
    await Promise.all(six);
    assert.equal((await port(order))?.frames, 0, 'its place is free again');
    const hasty = new DryRuns(0);
    t.after(() => hasty.close());
    await assert.rejects(world([], hasty).port(order), (error: HttpError) => error.code === 'UNAVAILABLE');
  });
});
