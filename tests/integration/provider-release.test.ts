import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wayOf } from '../../src/releases/way-of.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { questionTask } from '../support/assessment-task.ts';
import { HandReleases, runningRelease } from '../support/judging-releases.ts';
import { startScheduler } from '../support/scheduler-with-provider.ts';
import { until } from '../support/until.ts';

const NEXT = { model: 'sim-next', prompts: { text: 'Mind the tram.' } };
/** Fresh for longer than a busy machine needs to judge them. */
const groups = (count: number, round: number) =>
  Array.from({ length: count }, (_, index) =>
    questionTask({ cameraId: `cam-${index % 4}`, groupId: `g${round * count + index}`, freshMs: 30_000 }),
  );

it('a release in the shadow is judged by its own model, within the limits of the keys', async (t) => {
  const release = runningRelease(NEXT, { mode: 'shadow' });
  const { sim, bus, pool, outcomes } = await startScheduler(
    t,
    { keys: simulatedKeys(3, { qps: 8, rpm: 300 }), otherModels: ['sim-next'], latency: { medianMs: 40, p95Ms: 100 } },
    {},
    new HandReleases(release),
  );
  await until('the supply of calls is known', async () => (await pool()).available_keys === 3);
  let asked = 0;
  for (let round = 0; outcomes.length < 6 && round < 40; round++) {
    const all = groups(3, round);
    asked += all.length;
    bus.add(...all);
    await until('all are judged', () => bus.published.length === asked);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(outcomes.length >= 6, `${outcomes.length} pairs`);
  await until('no call is under way', () => sim.calls().every(({ status }) => status !== 0));
  assert.deepEqual(sim.violations(), []);
  const calls = sim.calls();
  assert.deepEqual(
    calls.filter(({ status }) => status !== 200),
    [],
  );
  const shadow = calls.filter(({ model }) => model === 'sim-next');
  assert.equal(calls.length - shadow.length, asked, 'every question was judged the present way');
  for (const outcome of outcomes) {
    assert.ok(outcome.type === 'pair');
    assert.deepEqual([outcome.present.model, outcome.candidate.model], ['sim-vl', 'sim-next']);
  }
  assert.ok(bus.published.every(({ body }) => body.metadata.llmModel === 'sim-vl'));
});

it('a release with a share has its groups judged by its model at the provider, and by it alone', async (t) => {
  const release = runningRelease(NEXT, { percent: 50 });
  const { sim, bus, outcomes } = await startScheduler(
    t,
    { keys: simulatedKeys(2, { qps: 20, rpm: 600 }), otherModels: ['sim-next'] },
    {},
    new HandReleases(release),
  );
  const all = groups(16, 1);
  bus.add(...all);
  await until('all are judged', () => bus.published.length === all.length);
  const calls = new Map(sim.calls().map(({ traceId, model }) => [traceId, model]));
  const ways = all.map((task) => {
    const way = wayOf(release, task.cameraId, task.group.groupId);
    assert.equal(calls.get(task.traceId), way === 'candidate' ? 'sim-next' : 'sim-vl');
    assert.deepEqual(bus.result(task)?.results[0]?.release, { releaseId: 'next', way });
    return way;
  });
  assert.ok(ways.includes('candidate') && ways.includes('present'));
  assert.equal(outcomes.length, all.length);
  assert.deepEqual(sim.violations(), []);
});
