import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { publisherActor } from '../../src/actors/publisher.ts';
import { PUBLISHER } from '../../src/actors/publisher.types.ts';
import { redeliveryDelay } from '../../src/infra/redelivery.ts';
import { Detection } from '../../src/messages/detection.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { DetectionBuffer, urgencyOf } from '../../src/tasks/detection-buffer.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';
import { detection, group } from '../support/samples.ts';

/** A frame of this urgency: 5 a person near a moving vehicle, 4 two vehicles closing in, 2 vehicles, 0 no groups. */
const frame = (urgency: number, frameNumber: number, cameraId = 'cam-1'): Detection => {
  const features = {
    5: { personCount: 1, minPersonVehicleDistance: 0, maxSpeed: 500 },
    4: { maxClosingSpeed: 500 },
    2: {},
  }[urgency];
  return detection(features === undefined ? [] : [group(1), group(2, features)], { cameraId, frameNumber });
};
const NONE: ReadonlySet<string> = new Set();
const all = (buffer: DetectionBuffer): Detection[] => {
  const taken: Detection[] = [];
  for (let next = buffer.take(NONE); next !== null; next = buffer.take(NONE)) taken.push(next);
  return taken;
};

describe('the buffer of detections', () => {
  it('knows the samples of this test by their urgency', () => {
    assert.deepEqual(
      [5, 4, 2, 0].map((urgency) => urgencyOf(frame(urgency, 1))),
      [5, 4, 2, 0],
    );
    assert.equal(urgencyOf({ ...frame(5, 1), replayOf: frame(5, 1).requestId }), 0);
  });

  it('gives the oldest up among equals, so that the newest win', () => {
    const buffer = new DetectionBuffer(3);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((n) => buffer.add(frame(2, n))?.frameNumber),
      [undefined, undefined, undefined, 1, 2],
    );
    assert.deepEqual(
      all(buffer).map((each) => each.frameNumber),
      [3, 4, 5],
    );
  });

  it('gives up no frame that may become an alert for one that may not, be it the new one that goes', () => {
    const buffer = new DetectionBuffer(3);
    for (const urgency of [4, 2, 5]) buffer.add(frame(urgency, urgency));
    assert.equal(buffer.add(frame(4, 40))?.frameNumber, 2);
    assert.equal(buffer.add(frame(0, 99))?.frameNumber, 99);
    assert.equal(buffer.add(frame(5, 50))?.frameNumber, 4);
    assert.deepEqual(
      all(buffer).map((each) => each.frameNumber),
      [5, 40, 50],
    );
  });

  it('serves the camera with the most urgent frame first, each camera in order, and none that is busy', () => {
    const buffer = new DetectionBuffer(10);
    buffer.add(frame(2, 1, 'calm'));
    buffer.add(frame(2, 1, 'street'));
    buffer.add(frame(5, 2, 'street'));
    buffer.add(frame(2, 3, 'street'));
    const next = (busy: readonly string[] = []) => {
      const taken = buffer.take(new Set(busy));
      return taken === null ? null : `${taken.cameraId} ${taken.frameNumber}`;
    };
    assert.deepEqual(
      [next(), next(['street']), next(['street']), next(), next(), next()],
      ['street 1', 'calm 1', null, 'street 2', 'street 3', null],
    );
  });

  it('loses nothing uncounted, keeps its bound and the order of cameras, and gives up only what is least', () => {
    const step = fc.oneof(
      fc.record({ urgency: fc.constantFrom(0, 2, 4, 5), camera: fc.constantFrom('a', 'b', 'c') }),
      fc.constant('take' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (steps, capacity) => {
        const buffer = new DetectionBuffer(capacity);
        const waiting = new Set<Detection>();
        const out: Detection[] = [];
        let number = 0;
        const take = (): boolean => {
          const taken = buffer.take(NONE);
          if (taken === null) return false;
          assert.ok(waiting.delete(taken));
          out.push(taken);
          return true;
        };
        for (const each of steps) {
          if (each === 'take') {
            take();
            continue;
          }
          const made = frame(each.urgency, (number += 1), each.camera);
          waiting.add(made);
          const gone = buffer.add(made);
          if (gone !== null) {
            assert.ok(waiting.delete(gone));
            for (const kept of waiting)
              assert.ok(
                urgencyOf(kept) > urgencyOf(gone) ||
                  (urgencyOf(kept) === urgencyOf(gone) && kept.frameNumber > gone.frameNumber),
              );
          }
          assert.equal(buffer.size, waiting.size);
          assert.ok(buffer.size <= capacity);
        }
        while (take());
        assert.equal(waiting.size, 0);
        for (const camera of ['a', 'b', 'c']) {
          const numbers = out.filter((each) => each.cameraId === camera).map((each) => each.frameNumber);
          assert.deepEqual(
            numbers,
            numbers.toSorted((a, b) => a - b),
          );
        }
      }),
      { seed: 20_260_101 },
    );
  });
});

describe('the publisher', () => {
  const started = async () => {
    const clock = new ManualClock();
    const bus = new FakeTaskBus(clock);
    const log = memoryLog();
    const shed = new Map<string, number>();
    const published: Detection[] = [];
    const init = {
      bus,
      onPublished: (one: Detection) => void published.push(one),
      onShed: ({ cameraId }: Detection) => void shed.set(cameraId, (shed.get(cameraId) ?? 0) + 1),
    };
    const system = await startSystem(supervisor('root', [child('publisher', publisherActor, () => init)]), {
      clock,
      log,
      onEscalation: (error) => assert.fail(error.message),
    });
    const stored = async (): Promise<Detection[]> =>
      (
        await bus.read({
          stream: streams.detections,
          filter: subjects.detections,
          parser: Detection,
          from: { seq: 1 },
          limit: 10_000,
        })
      ).map(({ body }) => body);
    return {
      clock,
      bus,
      log,
      shed,
      published,
      system,
      stored,
      publish: (one: Detection) => system.ref(PUBLISHER).tell({ type: 'publish', detection: one }),
    };
  };

  it('without NATS keeps the urgent and the new, counts losses by camera, and goes on in order', async (t) => {
    const { clock, bus, log, shed, published, system, stored, publish } = await started();
    t.after(() => system.stop());
    bus.setDown(true);
    const urgent = frame(5, 1, 'street');
    publish(urgent);
    for (let n = 1; n <= 700; n += 1) publish(frame(2, n, n % 2 === 0 ? 'even' : 'odd'));
    await clock.advance(60_000);
    const given = [...shed.values()].reduce((sum, count) => sum + count, 0);
    assert.equal(shed.get('street'), undefined);
    bus.setDown(false);
    await clock.advance(2_000);
    const there = await stored();
    assert.equal(there.length + given, 701);
    assert.ok(there.length >= 500 && there.length <= 564, `${there.length} kept`);
    assert.ok(there.some((each) => each.requestId === urgent.requestId));
    for (const camera of ['even', 'odd']) {
      const numbers = there.filter((each) => each.cameraId === camera).map((each) => each.frameNumber);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      );
      assert.ok((numbers.at(-1) ?? 0) >= 699);
    }
    assert.equal(published.length, there.length);
    assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 1);
  });

  it('gives a frame up that NATS refuses for good, counted, and others go on', async (t) => {
    const { clock, bus, shed, system, stored, publish } = await started();
    t.after(() => system.stop());
    bus.refusing = true;
    publish(frame(5, 1, 'big'));
    await clock.advance(3_000);
    bus.refusing = false;
    publish(frame(2, 1, 'fine'));
    await clock.advance(500);
    assert.deepEqual([...shed], [['big', 1]]);
    assert.deepEqual(
      (await stored()).map((each) => each.cameraId),
      ['fine'],
    );
  });

  it('tells what a stop without NATS leaves unpublished', async () => {
    const { clock, bus, shed, log, system, publish } = await started();
    bus.setDown(true);
    for (let n = 1; n <= 3; n += 1) publish(frame(2, n));
    await clock.advance(1_000);
    await system.stop();
    assert.deepEqual([...shed], [['cam-1', 3]]);
    assert.ok(log.lines.some(({ message }) => message.includes('3 detections could not be published')));
  });
});

describe('redelivery', () => {
  it('waits half a second, twice as long each time, at most half a minute', () => {
    assert.deepEqual(
      [1, 2, 3, 6, 7, 8, 1_000].map(redeliveryDelay),
      [500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000],
    );
    assert.equal(redeliveryDelay(0), 500);
  });
});
