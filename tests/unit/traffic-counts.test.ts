import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { trafficCountsActor } from '../../src/actors/traffic-counts.ts';
import { TRAFFIC_COUNTS } from '../../src/actors/traffic-counts.types.ts';
import { AlarmWatch } from '../../src/app/alarm-watch.ts';
import { bindMetrics } from '../../src/app/bind-metrics.ts';
import { CountHistory } from '../../src/infra/count-history.ts';
import { TopicCounts } from '../../src/infra/nats/topic-counts.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { laneFigures, mergedBin } from '../../src/messages/count-figures.ts';
import { CountedBin, type TrafficCounts } from '../../src/messages/counted-bin.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';
import { memoryAccounts } from '../support/memory-accounts.ts';

const MINUTE = 60_000;
const EIGHT = Date.UTC(2026, 10, 27, 8);

const EMPTY = { lines: [], movements: [] };

/** A minute with cars from left to right, and as many vehicles at 36 km/h in a lane. */
function minute(start: number, cars: number, changes: Partial<TrafficCounts> = {}): TrafficCounts {
  const totals = { laneId: 'a', vehicles: cars, queueVehicles: cars, queueMetres: cars * 5 };
  const sums = { speedsKmh: cars * 36, metres: cars * 100, seconds: cars * 10, occupiedSeconds: cars };
  return {
    cameraId: 'north',
    countId: newRequestId(start),
    start: new Date(start).toISOString(),
    seconds: 60,
    observedSeconds: 60,
    calibrated: true,
    lines: [{ lineId: 'gate', crossings: [{ direction: 'left-to-right', class: 'car', count: cars }] }],
    movements: [{ from: 'a', to: 'b', class: 'car', count: cars }],
    lanes: [laneFigures({ ...totals, ...sums }, 60)],
    notOnRoad: [],
    leftOut: 0,
    ...changes,
  };
}

async function started(t: TestContext) {
  const clock = new ManualClock(EIGHT);
  const bus = new FakeTaskBus(clock);
  const log = memoryLog();
  const metrics = createMetrics({ log, process: false });
  const system = await startSystem(supervisor('root', [child('traffic-counts', trafficCountsActor, () => ({ bus }))]), {
    clock,
    log,
    metrics: metrics.sink,
    onEscalation: (error) => assert.fail(error.message),
  });
  t.after(() => system.stop());
  const counts = system.ref(TRAFFIC_COUNTS);
  return {
    clock,
    bus,
    log,
    metrics,
    system,
    counted: (one: TrafficCounts) => counts.tell({ type: 'counted', counts: one }),
  };
}

const carsOf = (bins: readonly CountedBin[]): number[] => bins.map(({ lines }) => lines[0]?.crossings[0]?.count ?? 0);

describe('merged bins', () => {
  it('add counts, weight means by what they are means of, and keep the longest queue', () => {
    const [slow, fast] = [minute(EIGHT, 1), minute(EIGHT + MINUTE, 3)];
    const other = { lineId: 'other', crossings: [] };
    const lane = { ...fast.lanes[0]!, sums: { ...fast.lanes[0]!.sums, speedsKmh: 3 * 72, seconds: 15 } };
    const merged = mergedBin([slow, { ...fast, lanes: [lane], lines: [...fast.lines, other] }], EIGHT, 900);
    CountedBin.parse(merged);
    assert.deepEqual(carsOf([merged]), [4]);
    assert.deepEqual(
      [merged.seconds, merged.observedSeconds, merged.movements[0]?.count, merged.lines[1]],
      [900, 120, 4, other],
    );
    const [figures] = merged.lanes;
    assert.deepEqual(
      [figures?.vehicles, figures?.flowPerHour, figures?.timeMeanSpeedKmh, figures?.spaceMeanSpeedKmh],
      [4, 120, 63, 57.6],
    );
    assert.deepEqual([figures?.occupancy, figures?.queueVehicles, figures?.queueMetres], [0.033, 3, 15]);
  });

  it('have no speed without vehicles, and are not calibrated when a part is not', () => {
    const merged = mergedBin([minute(EIGHT, 0, { calibrated: false, ...EMPTY }), minute(EIGHT, 0, EMPTY)], EIGHT, 60);
    assert.deepEqual(
      [merged.calibrated, merged.lanes[0]?.timeMeanSpeedKmh, merged.lanes[0]?.spaceMeanSpeedKmh],
      [false, null, null],
    );
    assert.equal(merged.observedSeconds, 60, 'no longer than the bin');
  });
});

describe('the publisher of counts', () => {
  it('stores each minute once, and counts it for the metrics', async (t) => {
    const { clock, bus, metrics, system, counted } = await started(t);
    const one = minute(EIGHT, 2);
    counted(one);
    counted(one);
    await clock.advance(1_000);
    assert.deepEqual(
      bus.published.map(({ subject, body }) => [subject, body as unknown]),
      [[subjects.counts('north'), one]],
    );
    const http = { figures: () => assert.fail(), refused: () => ({}) };
    bindMetrics(metrics, {
      system,
      redis: null,
      encoder: null,
      roles: ['cameras'],
      schedulerWatch: null,
      cameraWatch: null,
      desk: null,
      accounts: memoryAccounts(),
      bus: {
        pull: () => Promise.reject(new Error('none')),
        deadLetters: () => [],
        state: () => 'connected',
        counters: { badBodies: 0, failedBroadcasts: 0, published: 0 },
        link: { topics: new TopicCounts() },
      },
      nodeId: 'node-1',
      config: { dataDir: import.meta.dirname, roles: ['cameras'], isolation: 'thread' },
      nodeWatch: { roster: () => [] },
      streamMemory: { figures: () => [] },
      clips: { bytes: () => Promise.resolve(0) },
      auditLog: { waiting: 0 },
      releases: { list: () => [] },
      releaseOutcomes: { waiting: 0 },
      releasePictures: null,
      http: http as never,
      alarms: new AlarmWatch({ bus: {} as never, log: memoryLog() }),
    });
    const text = await metrics.render();
    assert.match(
      text,
      /road_users_counted_total\{camera_id="north",line="gate",direction="left-to-right",class="car"\} 4/u,
    );
    assert.match(text, /lane_flow_per_hour\{camera_id="north",lane="a"\} 120/u);
    assert.match(text, /lane_queue_metres\{camera_id="north",lane="a"\} 10/u);
    await clock.advance(3 * MINUTE);
    assert.doesNotMatch(await metrics.render(), /lane_flow_per_hour\{/u);
  });

  it('keeps the newest while NATS is down, and counts the others as shed', async (t) => {
    const { clock, bus, log, metrics, counted } = await started(t);
    bus.setDown(true);
    for (let n = 0; n < 2_030; n += 1) counted(minute(EIGHT + n * MINUTE, n + 1));
    await clock.advance(10_000);
    bus.setDown(false);
    await clock.advance(5_000);
    const text = await metrics.render();
    const shed = Number(/shed_total\{camera_id="north",what="counts",reason="nats-away"\} (\d+)/u.exec(text)?.[1]);
    assert.ok(shed >= 14 && shed <= 30, `${shed} shed`);
    assert.equal(bus.published.length + shed, 2_030);
    assert.equal(
      (bus.published.at(-1)?.body as unknown as TrafficCounts | undefined)?.start,
      minute(EIGHT + 2_029 * MINUTE, 1).start,
    );
    assert.equal(log.lines.filter(({ level }) => level === 'warn').length, 1);
  });
});

describe('the history of counts', () => {
  /** A bus with these minutes, each stored 20 s after its end. */
  const stored = async (minutes: readonly TrafficCounts[]) => {
    const clock = new ManualClock(EIGHT);
    const bus = new FakeTaskBus(clock);
    for (const one of minutes) {
      await clock.advance(Math.max(0, Date.parse(one.start) + 80_000 - clock.now()));
      await bus.publish(
        subjects.counts(one.cameraId),
        one,
        { cameraId: 'north', requestId: '', traceId: '' },
        one.countId,
      );
    }
    return new CountHistory(bus);
  };
  const page = (history: CountHistory, seconds: number, from: number, to: number) =>
    history.page({ cameraId: 'north', seconds, from: EIGHT + from * MINUTE, to: EIGHT + to * MINUTE });

  it('has bins of a minute and of 15 minutes, aligned to the clock', async () => {
    const history = await stored(Array.from({ length: 40 }, (_, n) => minute(EIGHT + n * MINUTE, 1)));
    const minutes = await page(history, 60, 3, 6);
    assert.deepEqual(
      minutes.bins.map(({ start }) => start.slice(11, 16)),
      ['08:03', '08:04', '08:05'],
    );
    const quarters = await page(history, 900, 0, 40);
    assert.deepEqual(
      quarters.bins.map(({ start, observedSeconds, seconds }) => [start.slice(11, 16), observedSeconds, seconds]),
      [
        ['08:00', 900, 900],
        ['08:15', 900, 900],
        ['08:30', 600, 900],
      ],
    );
    assert.deepEqual([carsOf(quarters.bins), quarters.next], [[15, 15, 10], null]);
  });

  it('adds the parts of a minute in which the camera was restarted, and has no other camera', async () => {
    const [first, second] = [minute(EIGHT, 2, { observedSeconds: 30 }), minute(EIGHT, 5, { observedSeconds: 20 })];
    const history = await stored([first, second, minute(EIGHT, 9, { cameraId: 'south' })]);
    const { bins } = await page(history, 60, 0, 10);
    assert.deepEqual([carsOf(bins), bins[0]?.observedSeconds], [[7], 50]);
  });

  it('ends a page early, and goes on with the next', async () => {
    const history = await stored(Array.from({ length: 800 }, (_, n) => minute(EIGHT + n * MINUTE, 1)));
    const found: CountedBin[] = [];
    let from: number | null = EIGHT;
    let pages = 0;
    while (from !== null) {
      const { bins, next } = await history.page({ cameraId: 'north', seconds: 60, from, to: EIGHT + 900 * MINUTE });
      found.push(...bins);
      from = next;
      pages += 1;
    }
    assert.deepEqual([new Set(found.map(({ start }) => start)).size, found.length, pages], [800, 800, 3]);
  });

  it('is empty for a camera that was never counted', async () => {
    assert.deepEqual(await page(await stored([]), 60, 0, 60), { bins: [], next: null });
  });
});
