import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flowReport } from '../../src/app/flow-report.ts';
import { NodeFigures } from '../../src/app/node-figures.ts';
import { NodeRoster } from '../../src/app/node-roster.ts';
import { NodeWatch } from '../../src/app/node-watch.ts';
import { RecentFlow } from '../../src/app/recent-flow.ts';
import { stageLags } from '../../src/app/stage-lags.ts';
import { FlowReport, NodeList } from '../../src/http/schemas/system-schema.ts';
import type { Bus } from '../../src/infra/bus.ts';
import { createMetrics, type FeedFigures } from '../../src/infra/metrics.ts';
import { memoryLog } from '../support/log.ts';
import { tree } from '../support/http-samples.ts';

const T0 = Date.UTC(2026, 4, 4);
const MINUTE = 60_000;
const node = (nodeId: string, over: Partial<NodeFigures> = {}): NodeFigures =>
  NodeFigures.parse({
    nodeId,
    roles: ['scheduler'],
    version: '0.1.0',
    startedAt: new Date(T0).toISOString(),
    url: null,
    cameras: 0,
    stages: [],
    ...over,
  });

describe('the last minute of a stage', () => {
  const totals = (done: number, shed = {}) => ({ calls: { done, failed: done / 10, shed } });

  it('is what was added in it, as a rate a second', () => {
    const flow = new RecentFlow();
    flow.note(totals(0), T0);
    assert.deepEqual(flow.rate('calls'), { perSecond: 0, failed: 0, shed: {} });
    for (let second = 5; second <= 120; second += 5)
      flow.note(totals(second * 10, { budget: second, none: 3 }), T0 + second * 1_000);
    assert.deepEqual(flow.rate('calls'), { perSecond: 10, failed: 60, shed: { budget: 60 } });
    assert.deepEqual(flow.rate('feed'), { perSecond: 0, failed: 0, shed: {} });
  });

  it('counts from zero after an actor was started anew', () => {
    const flow = new RecentFlow();
    flow.note(totals(1_000, { budget: 50 }), T0);
    flow.note(totals(20, { budget: 2 }), T0 + 10_000);
    assert.deepEqual(flow.rate('calls'), { perSecond: 2, failed: 2, shed: { budget: 2 } });
  });
});

describe('the nodes', () => {
  it('that stopped answering are away after half a minute, and forgotten after ten', () => {
    const roster = new NodeRoster();
    roster.note([node('a'), node('b')], T0);
    roster.note([node('a')], T0 + 29_000);
    const states = (at: number) => roster.list(at).map(({ nodeId, state }) => `${nodeId} ${state}`);
    assert.deepEqual(states(T0 + 30_000), ['a present', 'b present']);
    roster.note([node('a')], T0 + 31_000);
    assert.deepEqual(states(T0 + 31_000), ['a present', 'b away']);
    roster.note([node('a')], T0 + 10 * MINUTE);
    assert.deepEqual(states(T0 + 10 * MINUTE), ['a present', 'b away']);
    assert.deepEqual(states(T0 + 10 * MINUTE + 1), ['a present']);
    roster.note([node('b')], T0 + 11 * MINUTE);
    assert.deepEqual(states(T0 + 11 * MINUTE), ['a away', 'b present']);
  });

  it('are a bounded number: the one that answered longest ago goes first', () => {
    const roster = new NodeRoster();
    for (let i = 0; i < 1_005; i += 1) roster.note([node(`n${i}`)], T0 + i);
    const names = roster.list(T0 + 1_005).map(({ nodeId }) => nodeId);
    assert.equal(names.length, 1_000);
    assert.ok(!names.includes('n0') && names.includes('n1004'));
  });

  it('have their stages added up, without those that are away', () => {
    const stage = (over: object) => ({
      name: 'calls' as const,
      perSecond: 1.5,
      waiting: 2,
      oldestMs: null,
      shed: { budget: 3 },
      failed: 1,
      ...over,
    });
    const nodes = [
      { state: 'present' as const, stages: [stage({})] },
      { state: 'present' as const, stages: [stage({ oldestMs: 700, shed: { budget: 1, other: 9 } })] },
      { state: 'away' as const, stages: [stage({ perSecond: 100 })] },
    ];
    const report = flowReport(nodes, { calls: 4, bus: 9 });
    assert.deepEqual(FlowReport.parse(report), report);
    assert.deepEqual(
      report.stages.find(({ name }) => name === 'calls'),
      {
        name: 'calls',
        nodes: 2,
        perSecond: 3,
        waiting: 4,
        oldestMs: 700,
        lag: 4,
        shed: [
          { reason: 'other', count: 9 },
          { reason: 'budget', count: 4 },
        ],
        failed: 2,
      },
    );
    assert.deepEqual(
      flowReport([], null).stages.map(({ lag, nodes: having }) => [lag, having]),
      Array.from({ length: 7 }, () => [null, 0]),
    );
  });
});

function watched() {
  const metrics = createMetrics({ log: memoryLog(), process: false });
  const clock = { at: T0, now: () => clock.at };
  const bus = { counters: { published: 0, failedBroadcasts: 0, badBodies: 0 } };
  const others: { now: NodeFigures[] | Error; asked: number } = { now: [], asked: 0 };
  const watch = new NodeWatch(
    {
      nodeId: 'here',
      roles: ['cameras', 'web'],
      version: '0.1.0',
      clock,
      system: { snapshot: () => tree(), ref: () => assert.fail('no scheduler here') },
      metrics,
      bus,
      everywhere: async () => {
        others.asked += 1;
        if (others.now instanceof Error) throw others.now;
        return others.now;
      },
      lags: async () => (others.now instanceof Error ? Promise.reject(others.now) : { bus: 7, tasks: 7 }),
    },
    1_000_000,
  );
  const feed: FeedFigures = {
    viewers: 1,
    published: 0,
    live: { viewers: {}, skipped: {} },
    droppedFrames: 0,
    refusedViewers: 0,
    closedSlow: 0,
    gaps: 0,
    replayed: 0,
    lagging: 1,
    bytesWaiting: 9,
  };
  return { metrics, clock, bus, others, watch, feed };
}

describe('a process about itself', () => {
  it('tells the stages of its roles from its metrics, over the last minute', async (t) => {
    const { metrics, clock, bus, watch, feed } = watched();
    t.after(() => watch.close());
    watch.listensAt(() => feed, 'http://127.0.0.1:1');
    await watch.look();
    metrics.inc('detection_total', 120, { camera_id: 'a', model_type: 'm' });
    metrics.inc('detection_total', 60, { camera_id: 'b', model_type: 'm' });
    metrics.inc('pictures_skipped_total', 4, { reason: 'busy' });
    metrics.inc('shed_total', 2, { camera_id: 'a', what: 'detection', reason: 'nats-away' });
    metrics.inc('shed_total', 5, { camera_id: 'a', what: 'group', reason: 'overload' });
    metrics.inc('decoder_pictures_total', 3, { outcome: 'failed' });
    metrics.inc('decoder_pictures_total', 300, { outcome: 'decoded' });
    metrics.set('decoder_waiting', 2, { urgency: 'regular' });
    bus.counters.published = 30;
    Object.assign(feed, { published: 90, droppedFrames: 8 });
    clock.at += MINUTE;
    await watch.look();
    const { stages } = (await watch.flow()) satisfies FlowReport;
    const of = (wanted: string) => stages.find(({ name }) => name === wanted);
    assert.deepEqual(of('detect'), {
      name: 'detect',
      nodes: 1,
      perSecond: 3,
      waiting: 2,
      oldestMs: null,
      lag: null,
      shed: [
        { reason: 'busy', count: 4 },
        { reason: 'nats-away', count: 2 },
      ],
      failed: 3,
    });
    assert.deepEqual([of('bus')?.perSecond, of('bus')?.lag, of('tasks')?.lag], [0.5, 7, 7]);
    assert.deepEqual([of('feed')?.perSecond, of('feed')?.waiting], [1.5, 1]);
    assert.deepEqual(of('feed')?.shed, [{ reason: 'frames', count: 8 }]);
    assert.deepEqual([of('scheduler')?.nodes, of('calls')?.nodes], [0, 0]);
  });

  it('lists the others, asks them once a second at most, and knows itself without NATS', async (t) => {
    const { clock, others, watch, feed } = watched();
    t.after(() => watch.close());
    others.now = [node('there', { cameras: 3 })];
    watch.listensAt(() => feed, 'http://127.0.0.1:1');
    const [list] = await Promise.all([watch.nodes(), watch.nodes(), watch.flow()]);
    assert.equal(others.asked, 1);
    assert.deepEqual(NodeList.parse(list), list);
    assert.deepEqual(
      list.nodes.map(({ nodeId, here, url, state }) => [nodeId, here, url, state]),
      [
        ['here', true, 'http://127.0.0.1:1', 'present'],
        ['there', false, null, 'present'],
      ],
    );
    others.now = new Error('NATS is away');
    clock.at += MINUTE;
    const alone = await watch.nodes();
    assert.deepEqual(
      alone.nodes.map(({ nodeId, state, seenAt }) => [nodeId, state, Date.parse(seenAt) - T0]),
      [
        ['here', 'present', MINUTE],
        ['there', 'away', 0],
      ],
    );
    assert.equal((await watch.flow()).stages.find(({ name }) => name === 'bus')?.lag, null);
    const service = watch.service();
    assert.equal(NodeFigures.parse(await service.ofEachNode!.endpoints['figures']!()).nodeId, 'here');
  });
});

describe('the lags of the stages', () => {
  it('are those of their durable consumers, and of all together', async () => {
    const pull = (async ({ durable }: { durable: string }) => ({
      lag: async () => ({ waiting: durable === 'task-generator' ? 5 : 1, unsettled: 0 }),
    })) as unknown as Bus['pull'];
    assert.deepEqual(await stageLags({ pull }, true), { bus: 17, tasks: 5, aggregator: 6, scheduler: 6 });
    assert.deepEqual((await stageLags({ pull }, false)).aggregator, 5);
  });
});

describe('the totals of a metric', () => {
  it('are sums by a label, of some series only; of a histogram the number of values', async () => {
    const metrics = createMetrics({ log: memoryLog(), process: false });
    metrics.inc('llm_calls_total', 2, { status: 'success' });
    metrics.inc('llm_calls_total', 3, { status: 'timeout' });
    metrics.observe('llm_latency_seconds', 0.3);
    metrics.observe('llm_latency_seconds', 3);
    assert.deepEqual([...(await metrics.totals('llm_calls_total'))], [['', 5]]);
    const byStatus = await metrics.totals('llm_calls_total', { by: 'status' });
    assert.deepEqual(Object.fromEntries(byStatus), { success: 2, timeout: 3 });
    assert.equal((await metrics.totals('llm_calls_total', { where: { status: 'timeout' } })).get(''), 3);
    assert.equal((await metrics.totals('llm_latency_seconds')).get(''), 2);
  });
});
