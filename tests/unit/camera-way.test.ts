import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CameraWays } from '../../src/app/camera-ways.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import type { LocatedModel } from '../../src/messages/model.ts';
import { Release, ReleaseBudget, ReleaseLimits, ReleaseOutcome } from '../../src/messages/release.ts';
import { cameraChoice, detectorsWanted } from '../../src/releases/camera-way.ts';
import type { InForce } from '../../src/releases/releases.types.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { INIT } from '../support/camera-world.ts';
import { memoryLog } from '../support/log.ts';
import { laneScene } from '../support/driven-frames.ts';

const release = (over: Partial<Release>): Release =>
  Release.parse({
    releaseId: 'nano',
    changes: { detector: 'yolox-nano' },
    mode: 'share',
    by: 'camera',
    percent: 50,
    cameras: { in: ['in', 'also'], out: ['out'] },
    budget: ReleaseBudget.parse({ picturesPerMinute: 30 }),
    limits: ReleaseLimits.parse({}),
    state: 'running',
    reason: null,
    createdAt: '2026-05-04T00:00:00.000Z',
    createdBy: 'ann',
    changedAt: '2026-05-04T00:00:00.000Z',
    changedBy: 'ann',
    ...over,
  });
const inForce = (running: Partial<Release> | null, present: InForce['present'] = {}): InForce => ({
  present,
  running: running === null ? null : release(running),
});
const own = { speeding: { minLimitRatio: 1.5, minSeconds: 4 } };
const chosen = (now: InForce, cameraId: string, isUsable = true) =>
  cameraChoice({ now, cameraId, thresholds: own, isUsable: () => isUsable });

describe('the way of a camera', () => {
  it('has the promoted thresholds over its own, field by field, and the promoted detector', () => {
    const now = inForce(null, {
      detector: 'dfine',
      thresholds: { speeding: { minLimitRatio: 2 }, queue: { enabled: false } },
    });
    assert.deepEqual(chosen(now, 'in'), {
      thresholds: { speeding: { minLimitRatio: 2, minSeconds: 4 }, queue: { enabled: false } },
      detector: 'dfine',
      mark: null,
      shadow: null,
    });
  });

  it('is the candidate for the cameras of its share, over the present way, and both ways are marked', () => {
    const changes = { detector: 'yolox-nano', thresholds: { speeding: { minSeconds: 1 } } };
    const now = inForce({ changes }, { detector: 'dfine', thresholds: { speeding: { minLimitRatio: 2 } } });
    const candidate = chosen(now, 'in');
    assert.deepEqual(candidate.thresholds, { speeding: { minLimitRatio: 2, minSeconds: 1 } });
    assert.deepEqual([candidate.detector, candidate.mark], ['yolox-nano', { releaseId: 'nano', way: 'candidate' }]);
    const present = chosen(now, 'out');
    assert.deepEqual(present.thresholds, { speeding: { minLimitRatio: 2, minSeconds: 4 } });
    assert.deepEqual([present.detector, present.mark], ['dfine', { releaseId: 'nano', way: 'present' }]);
  });

  it('is tried out of sight in the shadow, with an equal part of the budget', () => {
    const now = inForce({ mode: 'shadow' });
    const { detector, mark, shadow } = chosen(now, 'also');
    assert.deepEqual([detector, mark], [null, null]);
    assert.deepEqual(shadow, {
      releaseId: 'nano',
      thresholds: own,
      detector: 'yolox-nano',
      picturesPerMinute: 15,
      phase: 0.5,
    });
    assert.equal(chosen(now, 'out').shadow, null);
    const thresholds = { speeding: { minSeconds: 1 } };
    assert.equal(chosen(inForce({ mode: 'shadow', changes: { thresholds } }), 'in').shadow?.detector, null);
  });

  it('stays as it was for releases of models and prompts, and while the detector is not at hand', () => {
    const plain = { thresholds: own, detector: null, mark: null, shadow: null };
    assert.deepEqual(chosen(inForce({ changes: { model: 'other' } }), 'in'), plain);
    assert.deepEqual(chosen(inForce({}), 'in', false), plain);
    assert.deepEqual(chosen(inForce(null, { detector: 'dfine' }), 'in', false), plain);
  });

  it('needs each detector once', () => {
    assert.deepEqual(detectorsWanted(inForce({}, { detector: 'yolox-nano' })), ['yolox-nano']);
    assert.deepEqual(detectorsWanted(inForce(null)), []);
  });
});

describe('the settings of cameras by the releases in force', () => {
  function world() {
    const listeners: ((now: InForce) => void)[] = [];
    const located: { name: string; done: PromiseWithResolvers<LocatedModel> }[] = [];
    const releases = {
      now: inForce(null),
      onChange: (listener: (now: InForce) => void) => {
        listeners.push(listener);
        return () => undefined;
      },
    };
    const counts = { changes: 0, failed: 0 };
    const told: ReleaseOutcome[] = [];
    const clock = new ManualClock(Date.parse('2026-05-04T01:00:00.000Z'));
    const ways = new CameraWays({
      releases,
      locate: (name) => {
        const done = Promise.withResolvers<LocatedModel>();
        located.push({ name, done });
        return done.promise;
      },
      ownModel: 'ssd',
      onDetectorFailed: () => void (counts.failed += 1),
      outcomes: { tell: (outcome) => void told.push(outcome) },
      nodeId: 'node-1',
      clock,
      log: memoryLog(),
    });
    ways.changes.on(() => void (counts.changes += 1));
    const set = (now: InForce): void => {
      releases.now = now;
      for (const listener of listeners) listener(now);
    };
    return { ways, set, located, counts, told, clock };
  }
  const model: LocatedModel = { ...INIT.model, name: 'yolox-nano', path: '/models/nano.onnx' };
  const failureOf = (message: string): ReleaseOutcome => ({
    type: 'detector-failed',
    releaseId: 'nano',
    createdAt: '2026-05-04T00:00:00.000Z',
    at: '2026-05-04T01:00:00.000Z',
    nodeId: 'node-1',
    detector: 'yolox-nano',
    message,
  });
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('change when a release does, when its detector is at hand, and back at once with a rollback', async () => {
    const { ways, set, located, counts } = world();
    const scene = { ...laneScene('with-the-car'), thresholds: own };
    assert.deepEqual(ways.settingsOf('in', scene).thresholds, thresholdsWith(own));
    set(inForce({}));
    assert.deepEqual([located.map(({ name }) => name), counts.changes], [['yolox-nano'], 1]);
    assert.equal(ways.settingsOf('in', null).way.mark, null, 'until it is at hand');
    located[0]!.done.resolve(model);
    await settle();
    assert.equal(counts.changes, 2);
    assert.deepEqual(ways.settingsOf('in', null).way, {
      detector: model,
      mark: { releaseId: 'nano', way: 'candidate' },
      shadow: null,
    });
    set(inForce(null));
    assert.equal(counts.changes, 3);
    assert.deepEqual(ways.settingsOf('in', null).way, { detector: null, mark: null, shadow: null });
  });

  it('name the model of the start by null', () => {
    const { ways, set, located } = world();
    set(inForce({ changes: { detector: 'ssd' } }));
    assert.equal(located.length, 0);
    assert.deepEqual(ways.settingsOf('in', null).way.mark?.way, 'candidate');
    assert.equal(ways.settingsOf('in', null).way.detector, null);
  });

  it('stay as they are when the detector cannot be had, which is told until no release names it', async () => {
    const { ways, set, located, counts, told } = world();
    set(inForce({}));
    located[0]!.done.reject(new Error('no network'));
    await settle();
    assert.deepEqual(told, [failureOf('no network')]);
    assert.match(ways.problem ?? '', /yolox-nano .* present one: no network/u);
    assert.deepEqual([counts.failed, ways.settingsOf('in', null).way.mark], [1, null]);
    set(inForce(null));
    assert.equal(ways.problem, null);
    set(inForce({}));
    assert.equal(located.length, 2, 'a later release tries it again');
  });

  it('tell the failure of a running release once, also when it comes later, and not of a promoted one', async () => {
    const { set, located, told } = world();
    set(inForce(null, { detector: 'yolox-nano' }));
    located[0]!.done.reject(new Error('no network'));
    await settle();
    assert.deepEqual(told, []);
    set(inForce({ changes: { detector: 'ssd' } }, { detector: 'yolox-nano' }));
    assert.deepEqual(told, [], 'the running release has another detector');
    for (const percent of [10, 20]) set(inForce({ percent }, { detector: 'yolox-nano' }));
    assert.deepEqual(told, [failureOf('no network')]);
    for (const outcome of told) assert.deepEqual(ReleaseOutcome.parse(outcome), outcome);
  });

  it('try a detector again that may load later, and give it up after three tries of this process', async () => {
    const { ways, set, located, counts, told, clock } = world();
    set(inForce({}));
    located[0]!.done.resolve(model);
    await settle();
    const failOn = (cameras: number): void => {
      for (let camera = 0; camera < cameras; camera += 1) ways.detectorFailed(model.path, 'out of memory', false);
    };
    failOn(5);
    await clock.advance(30_000);
    assert.equal(counts.changes, 3, 'all cameras get their settings anew once');
    failOn(5);
    await clock.advance(30_000);
    assert.deepEqual([counts.changes, ways.problem, told], [4, null, []]);
    assert.equal(ways.settingsOf('in', null).way.detector, model);
    failOn(1);
    assert.deepEqual(told, [{ ...failureOf('out of memory'), at: '2026-05-04T01:01:00.000Z' }]);
    assert.equal(ways.settingsOf('in', null).way.detector, null);
  });

  it('count tries in a row only, and none after their end', async () => {
    const { ways, set, located, counts, told, clock } = world();
    set(inForce({}));
    located[0]!.done.resolve(model);
    await settle();
    for (let hour = 0; hour < 4; hour += 1) {
      ways.detectorFailed(model.path, 'out of memory', false);
      await clock.advance(3_600_000);
    }
    assert.deepEqual([told, counts.changes], [[], 6]);
    ways.detectorFailed(model.path, 'out of memory', false);
    ways.close();
    await clock.advance(3_600_000);
    assert.equal(counts.changes, 6);
  });

  it('go back for all cameras when one finds the model damaged', async () => {
    const { ways, set, located, counts, told } = world();
    set(inForce({}));
    located[0]!.done.resolve(model);
    await settle();
    ways.detectorFailed('/models/nano.onnx', 'damaged', true);
    assert.deepEqual([counts.changes, told], [3, [failureOf('damaged')]]);
    assert.deepEqual(ways.settingsOf('in', null).way, { detector: null, mark: null, shadow: null });
    assert.match(ways.problem ?? '', /damaged/u);
  });
});
