import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoadLedger } from '../../bench/load/ledger.ts';
import { FrameMaker } from '../../bench/pipeline/frames.ts';
import { Ledger, STAGES } from '../../bench/pipeline/journey.ts';
import { readPipelineOptions } from '../../bench/pipeline/options.ts';
import type { LoadBatch, SeenAggregate, SeenResult } from '../../bench/pipeline/orders.ts';
import { Detection } from '../../src/messages/detection.ts';

const seen = (requestId: string, at: number, over: Partial<SeenAggregate> = {}): SeenAggregate => ({
  requestId,
  at,
  revision: 0,
  madeAt: at - 2,
  judged: 2,
  pending: 0,
  ...over,
});
const result = (groupIndex: number, at: number, over: Partial<SeenResult> = {}): SeenResult => ({
  requestId: 'a',
  groupIndex,
  at,
  assessedAt: at - 1,
  waitMs: 4,
  calls: [{ apiKeyId: 'k', outcome: 'ok', leaseMs: 2, sendMs: 1, modelMs: 42, parseMs: 0 }],
  byModel: true,
  ...over,
});
const batch = (over: Partial<LoadBatch>): LoadBatch => ({
  kind: 'batch',
  sent: [],
  results: [],
  aggregates: [],
  ...over,
});
const sent = { requestId: 'a', traceId: 't', at: 1_000.25, timestamp: 1_000, groups: 2 };

/**
 * Published at 1000.25, its boxes with the viewer at 1006; group 2 is the last, answered by the provider in 40 ms; all
 * answers with the viewer at 1062.
 */
function wholeFrame(): Ledger {
  const ledger = new Ledger();
  const boxes = { judged: 0, pending: 2 };
  const whole = { revision: 1 };
  ledger.viewer({
    kind: 'batch',
    alerts: 0,
    redis: [seen('a', 1_005, boxes), seen('a', 1_061, { ...whole, madeAt: 1_058 })],
    pushed: [seen('a', 1_006, boxes), seen('a', 1_062, whole)],
  });
  ledger.load(
    batch({
      sent: [sent],
      results: [result(1, 1_030), result(2, 1_055)],
      aggregates: [seen('a', 1_004, boxes), seen('a', 1_060, whole)],
    }),
  );
  return ledger;
}
const calls = [
  { traceId: 't', at: 1_008, ms: 15, status: 200 },
  { traceId: 't', at: 1_012, ms: 40, status: 200 },
  { traceId: 'other', at: 1_012, ms: 900, status: 200 },
];

test('the added latency is the whole way without what the provider says of the last call', () => {
  const [journey] = wholeFrame().tally(calls, 0).journeys;
  assert.equal(journey?.total, 61.75);
  assert.equal(journey?.added, 21.75);
  assert.equal(journey?.addedWithoutTransit, 19.75);
  assert.equal(journey?.redis, 3);
  assert.equal(journey?.first, 5.75, 'the boxes wait for no answer');
});

test('a frame that is never fully judged is not measured; its groups count as not assessed', () => {
  const ledger = wholeFrame();
  ledger.load(batch({ sent: [{ ...sent, requestId: 'b' }], results: [result(1, 1_030, { requestId: 'b' })] }));
  const pushed = [seen('b', 1_006, { judged: 0, pending: 2 }), seen('b', 3_000, { revision: 1, judged: 1 })];
  ledger.viewer({ kind: 'batch', alerts: 0, redis: [], pushed });
  const { journeys, unjudged, lost } = ledger.tally(calls, 0);
  assert.deepEqual({ journeys: journeys.length, unjudged, lost }, { journeys: 1, unjudged: 1, lost: 0 });
});

test('the stages of a frame add up to its whole way', () => {
  const [journey] = wholeFrame().tally(calls, 0).journeys;
  assert.ok(journey);
  assert.ok(Math.abs(STAGES.reduce((sum, stage) => sum + journey.stages[stage], 0) - journey.total) < 1e-9);
  assert.equal(journey.stages['detection -> its turn'], 3.75);
  assert.equal(journey.stages['model: transit'], 2);
});

test('a frame that no viewer got is lost, one that came twice is doubled, a revision is neither', () => {
  const ledger = wholeFrame();
  ledger.load(
    batch({
      sent: [
        { ...sent, requestId: 'b' },
        { ...sent, requestId: 'c' },
      ],
    }),
  );
  ledger.viewer({
    kind: 'batch',
    alerts: 0,
    redis: [],
    pushed: [seen('a', 1_070, { revision: 2 }), seen('c', 1_070), seen('c', 1_071)],
  });
  const { frames, groups, lost, doubled } = ledger.tally(calls, 0);
  assert.deepEqual({ frames, groups, lost, doubled }, { frames: 3, groups: 6, lost: 1, doubled: 1 });
  assert.equal(
    Object.values(ledger.lost()).reduce((sum, each) => sum + each, 0),
    1,
  );
});

test('what was published before the warm-up ended is looked for, but not measured', () => {
  const { frames, lost, journeys } = wholeFrame().tally(calls, 2_000);
  assert.deepEqual({ frames, lost, journeys: journeys.length }, { frames: 1, lost: 0, journeys: 0 });
});

test('over a long run frames are counted, measured and forgotten', () => {
  let now = 0;
  const ledger = new LoadLedger(() => now);
  ledger.load(
    batch({
      sent: [sent, { ...sent, requestId: 'b' }],
      results: [result(1, 1_030), result(2, 1_055, { byModel: false, calls: [] })],
    }),
  );
  ledger.viewer({
    kind: 'batch',
    alerts: 0,
    redis: [],
    pushed: [
      seen('a', 1_200, { judged: 0 }),
      seen('a', 1_200, { judged: 0 }),
      seen('a', 1_400, { revision: 1, judged: 1 }),
      seen('a', 1_500, { revision: 2 }),
      seen('a', 1_600, { revision: 3 }),
    ],
  });
  now = 120_000;
  ledger.load(batch({}));
  const { frames, latencyMs, firstMs, lost, doubled, assessed, byRules, unjudged, revisions } = ledger.figures();
  assert.deepEqual(
    { frames, mean: latencyMs?.mean, first: firstMs?.p50, lost, doubled, assessed, byRules, unjudged, revisions },
    { frames: 2, mean: 500, first: 200, lost: 1, doubled: 1, assessed: 1, byRules: 1, unjudged: 2, revisions: 3 },
  );
});

test('simulated frames are what the bus takes', () => {
  const maker = new FrameMaker('cam-1', 7);
  const frames = Array.from({ length: 8 }, () => Detection.parse(maker.next(1_700_000_000_000)));
  assert.deepEqual(
    frames.map((frame) => frame.frameNumber),
    [1, 2, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(
    frames.reduce((sum, frame) => sum + frame.trafficGroups.length, 0),
    28,
  );
});

test('the groups of a simulated camera stay, or are new in each frame', () => {
  const groupsOf = (maker: FrameMaker): readonly string[] =>
    Array.from({ length: 8 }, () => maker.next(1_700_000_000_000)).flatMap(({ trafficGroups }) =>
      trafficGroups.map(({ groupId }) => groupId),
    );
  assert.equal(new Set(groupsOf(new FrameMaker('cam-1', 7))).size, 5);
  assert.equal(new Set(groupsOf(new FrameMaker('cam-1', 7, { newGroups: true }))).size, 28);
});

test('a pair is measured three times at 25 groups a second unless told otherwise', () => {
  const alone = { quick: false, json: false, profile: null, against: null, rounds: 3, rate: 25 };
  assert.deepEqual(readPipelineOptions([]), alone);
  assert.deepEqual(readPipelineOptions(['--against', '../before', '--rounds', '1', '--rate', '100', '--quick']), {
    ...alone,
    quick: true,
    against: '../before',
    rounds: 1,
    rate: 100,
  });
});
