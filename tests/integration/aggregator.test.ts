import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AGGREGATOR } from '../../src/actors/aggregator.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { consumers, streams } from '../../src/messages/subjects.ts';
import { aggregatesOf, allOf, breakingOnce, sendDetection, sendResult, startAggregator, startBus } from '../support/aggregator.ts';
import { detection, result } from '../support/samples.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

const fresh = (groups: number, over: Partial<Detection> = {}) => detection(groups, { timestamp: new Date().toISOString(), ...over });
const send = async (...messages: readonly (Detection | AssessmentResult)[]): Promise<void> => {
  for (const message of messages) await ('taskId' in message ? sendResult(world.bus, message) : sendDetection(world.bus, message));
};
const unsettled = async (): Promise<number> => {
  const all = [
    [streams.detections, consumers.aggregatorDetections],
    [streams.results, consumers.aggregatorResults],
  ] as const;
  const lags = await Promise.all(all.map(async ([stream, durable]) => (await world.bus.pull({ stream, durable, parser: { parse: (body) => body } })).lag()));
  return lags.reduce((sum, { waiting, unsettled: held }) => sum + waiting + held, 0);
};
const settled = () => until('everything is acked', async () => (await unsettled()) === 0);

test('a frame is one message of the stream; its messages are acked only then', async () => {
  const system = await startAggregator(world.bus);
  const frame = fresh(2);
  await send(frame, result(frame, 1, 'low'));
  await until('both are held', async () => (await system.ref(AGGREGATOR).ask({ type: 'stats' }, { timeoutMs: 1_000 })).held === 2);
  assert.equal(await unsettled(), 2);
  await send(result(frame, 2, 'none'));
  await settled();
  const all = await aggregatesOf(world.bus, frame);
  assert.deepEqual(all.map(({ revision, riskAssessment }) => [revision, riskAssessment.maxRiskLevel]), [[0, 'low']]);
  await system.stop();
});

test('when the aggregator fails in the middle of frames each still goes out once, and late answers revise', async () => {
  const frames = Array.from({ length: 12 }, () => fresh(2));
  const system = await startAggregator(breakingOnce(world.bus, frames[5]!), { deadlineMs: 1_500 });
  for (const frame of frames) await send(frame, result(frame, 1, 'low'));
  await until('it failed', () => system.log.lines.some(({ fields }) => JSON.stringify(fields).includes('sabotage') || String(fields['err']).includes('sabotage')));
  for (const frame of frames.slice(0, 8)) await send(result(frame, 2, 'medium'));
  const last = frames.slice(8);
  await until('the deadline of the others', async () => (await Promise.all(last.map((frame) => aggregatesOf(world.bus, frame)))).every((all) => all.length === 1));
  for (const frame of last) await send(result(frame, 2, 'high'));
  await settled();
  for (const [index, frame] of frames.entries()) {
    const all = await aggregatesOf(world.bus, frame);
    assert.deepEqual(all.map(({ revision }) => revision), index < 8 ? [0] : [0, 1], `frame ${index}`);
    assert.deepEqual(all.at(-1)?.riskAssessment.missingGroups, []);
    assert.equal(all.at(-1)?.riskAssessment.maxRiskLevel, index < 8 ? 'medium' : 'high');
  }
  const alerts = await allOf(world.bus, streams.alerts);
  assert.deepEqual(alerts.map(({ requestId }) => requestId).toSorted(), last.map(({ requestId }) => requestId).toSorted());
  await system.stop();
});

test('a frame that went out before the process ended is known to the next: repeated messages change nothing, a late answer revises', async () => {
  const first = await startAggregator(world.bus, { deadlineMs: 200 });
  const [incomplete, waiting] = [fresh(2), fresh(1, { timestamp: new Date(Date.now() + 60_000).toISOString() })];
  await send(incomplete, result(incomplete, 1, 'none'), waiting);
  await until('the deadline', async () => (await aggregatesOf(world.bus, incomplete)).length === 1);
  await first.stop();
  assert.equal(await unsettled(), 1, 'what waits for its answers was handed back');

  const second = await startAggregator(world.bus, { deadlineMs: 200 });
  const latest = await until('it remembers', () => second.ref(AGGREGATOR).ask({ type: 'latest', cameraId: incomplete.cameraId }, { timeoutMs: 1_000 }));
  assert.ok(Date.parse(latest.timestamp) >= Date.parse(incomplete.timestamp));
  await send(result(incomplete, 2, 'medium'), result(waiting, 1, 'low'));
  await settled();
  const all = await aggregatesOf(world.bus, incomplete);
  assert.deepEqual(all.map(({ revision, riskAssessment }) => [revision, riskAssessment.results.map(({ riskLevel }) => riskLevel)]), [[0, ['none']], [1, ['none', 'medium']]]);
  assert.equal((await aggregatesOf(world.bus, waiting)).length, 1);
  await second.stop();
});
