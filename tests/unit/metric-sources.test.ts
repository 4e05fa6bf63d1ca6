import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DetectionCounts } from '../../src/actors/detection-counts.ts';
import { Counts } from '../../src/actors/scheduler/counts.ts';
import { showKeys } from '../../src/app/bind-metrics.ts';
import { CameraSeries, forgetRemovedCameras, type WatchedCamera } from '../../src/app/camera-series.ts';
import { bindMachine, showDisk, showNodes, showStreams } from '../../src/app/machine-metrics.ts';
import { showPipelineErrors } from '../../src/app/pipeline-errors.ts';
import { CounterTotals } from '../../src/infra/metric-table.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import type { StreamFigures } from '../../src/infra/nats/stream-figures.ts';
import { showTopics, TopicCounts } from '../../src/infra/nats/topic-counts.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { incidentOf, keyStats } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { detection, result } from '../support/samples.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const make = () => createMetrics({ log: memoryLog(), process: false });
/** The series of a metric as text, e.g. `{camera_id="a"} 1`, in order. */
const series = async (metrics: ReturnType<typeof make>, name: string): Promise<string[]> =>
  (await metrics.render())
    .split('\n')
    .flatMap((line) => (/^[a-z_]+/u.exec(line)?.[0] === name ? [line.slice(name.length).trim()] : []));

const camera = (
  cameraId: string,
  more: Partial<WatchedCamera> & { readonly enabled?: boolean } = {},
): WatchedCamera => ({
  config: { cameraId, intervalSeconds: 2, enabled: more.enabled ?? true },
  status: more.status ?? { state: 'online' },
  lastFrameAt: more.lastFrameAt ?? null,
});

describe('metrics of detections', () => {
  it('count objects by class, groups, and each incident once', async () => {
    const metrics = make();
    const counts = new DetectionCounts(metrics);
    const [one, two] = ['north-abc12-1', 'north-abc12-2'].map((id) => incidentOf(detection(1).requestId, id));
    assert.ok(one && two);
    const frames = [[one], [one, two], [two], [], [one]];
    for (const incidents of frames) counts.published(detection(2, { cameraId: 'north', incidents }));
    const objects = detection(2).detectedObjects;
    assert.ok(objects.length > 0);
    const found = await series(metrics, 'detected_objects_total');
    assert.equal(
      found.reduce((sum, text) => sum + Number(text.split(' ')[1]), 0),
      frames.length * objects.length,
    );
    assert.ok(found.every((text) => /^\{camera_id="north",class_name="[a-z ]+"\}/u.test(text)));
    assert.deepEqual(await series(metrics, 'traffic_groups_total'), ['{camera_id="north"} 10']);
    // The first one came back after it had ended: an incident of its own.
    assert.deepEqual(await series(metrics, 'incidents_total'), [`{kind="${one.kind}",severity="${one.severity}"} 3`]);
  });
});

describe('metrics of tasks', () => {
  it('count answers by whether there is a level, and the kinds of risk that the model names', async () => {
    const metrics = make();
    const counts = new Counts();
    const frame = detection(1);
    const answer = result(frame, 1, 'high');
    const [group] = answer.results;
    const naming = { ...answer, results: [{ ...group!, riskTypes: [' Tailgating', 'tailgating', 'x'.repeat(200)] }] };
    counts.published(naming, metrics);
    counts.published({ ...answer, error: { code: 'timeout', message: 'late' } }, metrics);
    const rules = { ...naming, results: naming.results.map((each) => ({ ...each, source: 'rules' as const })) };
    counts.published(rules, metrics);
    assert.deepEqual(await series(metrics, 'tasks_processed_total'), ['{status="success"} 2', '{status="failed"} 1']);
    const kinds = await series(metrics, 'risk_types_detected_total');
    assert.ok(kinds.includes('{risk_type="tailgating"} 2'), kinds.join());
    assert.ok(kinds.every((text) => text.length < 100));
  });

  it('show each key, and lose the ones that are gone', async () => {
    const metrics = make();
    const [key] = keyStats.keys;
    const cooling = { ...key!, key_id: 'b', total_calls: 4, success_calls: 3, cooldown_until: '2026-01-01T00:00:30Z' };
    const unused = { ...key!, key_id: 'a', total_calls: 0, success_calls: 0, cooldown_until: null };
    showKeys(metrics, { keys: [unused, cooling] }, 'node-1', T0);
    assert.deepEqual(await series(metrics, 'api_key_pool_size'), ['{pool_id="node-1"} 2']);
    assert.deepEqual(await series(metrics, 'api_key_success_rate'), ['{key_id="a"} 1', '{key_id="b"} 0.75']);
    assert.deepEqual(await series(metrics, 'api_key_total_calls'), ['{key_id="a"} 0', '{key_id="b"} 4']);
    assert.deepEqual(await series(metrics, 'api_key_cooldown_seconds'), ['{key_id="a"} 0', '{key_id="b"} 30']);
    showKeys(metrics, { keys: [unused] }, 'node-1', T0);
    assert.deepEqual(await series(metrics, 'api_key_total_calls'), ['{key_id="a"} 0']);
  });
});

describe('metrics of cameras', () => {
  it('say by how much a picture is overdue, whether there was one or not', async () => {
    const metrics = make();
    const shown = new CameraSeries();
    const at = (ms: number) => new Date(T0 + ms).toISOString();
    const cameras = [
      camera('bright', { lastFrameAt: at(59_000) }),
      camera('dark', { lastFrameAt: at(0), status: { state: 'offline' } }),
      camera('new', { status: { state: 'connecting' } }),
      camera('off', { enabled: false, lastFrameAt: at(0) }),
    ];
    shown.show(metrics, cameras, T0);
    shown.show(metrics, cameras, T0 + 60_000);
    assert.deepEqual(await series(metrics, 'active_cameras'), ['1']);
    assert.deepEqual(await series(metrics, 'camera_up'), [
      '{camera_id="bright"} 1',
      '{camera_id="dark"} 0',
      '{camera_id="new"} 0',
    ]);
    assert.deepEqual(await series(metrics, 'camera_dark_seconds'), [
      '{camera_id="bright"} 0',
      '{camera_id="dark"} 58',
      '{camera_id="new"} 58',
    ]);
    shown.show(metrics, [camera('off', { lastFrameAt: at(0) })], T0 + 90_000);
    assert.deepEqual(await series(metrics, 'camera_dark_seconds'), ['{camera_id="off"} 0'], 'switched on just now');
  });

  it('are forgotten a while after the removal, and not after the end', async () => {
    const clock = new ManualClock();
    const forgotten: string[] = [];
    let remove: (cameraId: string) => void = () => assert.fail('nobody follows');
    const stop = forgetRemovedCameras(
      {
        subscribe: (subject, parser, listener) => {
          assert.equal(subject, subjects.cameraRemoved);
          remove = (cameraId) => listener(parser.parse({ cameraId }), subject);
          return () => void (remove = () => undefined);
        },
      },
      { forgetCamera: async (cameraId) => void forgotten.push(cameraId) },
      clock,
    );
    remove('north');
    await clock.advance(9_000);
    assert.deepEqual(forgotten, []);
    await clock.advance(1_000);
    assert.deepEqual(forgotten, ['north']);
    remove('south');
    stop();
    await clock.advance(60_000);
    assert.deepEqual(forgotten, ['north']);
  });
});

describe('metrics of NATS and of the machine', () => {
  it('count messages by the first word of their subjects, and no more than a hundred of them', async () => {
    const metrics = make();
    const [counts, totals] = [new TopicCounts(), new CounterTotals(metrics)];
    counts.sent('aggregates.cam-1');
    counts.sent('aggregates.cam-2');
    counts.failed('alerts.cam-1');
    counts.received('pictures-wanted');
    showTopics(totals, counts);
    counts.sent('aggregates.cam-1');
    showTopics(totals, counts);
    const sent = await series(metrics, 'nats_messages_sent_total');
    assert.ok(sent.includes('{topic="aggregates"} 3'), sent.join());
    assert.ok((await series(metrics, 'nats_send_errors_total')).includes('{topic="alerts"} 1'));
    assert.ok((await series(metrics, 'nats_messages_received_total')).includes('{topic="pictures-wanted"} 1'));
    for (let i = 0; i < 500; i += 1) counts.received(`topic-${i}.x`);
    assert.equal(counts.all().size, 101);
    assert.equal(counts.all().get('other')?.received, 403);
  });

  it('show disk, streams and nodes as they are now', async () => {
    const metrics = make();
    showDisk(metrics, { bsize: 4_096, blocks: 1_000, bavail: 250 });
    assert.deepEqual(await series(metrics, 'disk_free_bytes'), ['1024000']);
    assert.deepEqual(await series(metrics, 'disk_free_share'), ['0.25']);
    const stream = (name: string, maxBytes: number): StreamFigures => ({
      name,
      maxBytes,
      bytes: 50,
      messages: 1,
      firstSeq: 1,
      lastSeq: 1,
      firstAt: T0,
      lastAt: T0,
      kind: 'log',
      maxAgeMs: 0,
    });
    showStreams(metrics, [stream('ALERTS', 200), stream('FREE', -1)]);
    assert.deepEqual(await series(metrics, 'nats_stream_bytes'), ['{stream="ALERTS"} 50', '{stream="FREE"} 50']);
    assert.deepEqual(await series(metrics, 'nats_stream_full_share'), ['{stream="ALERTS"} 0.25']);
    const node = { version: '1', startedAt: '', url: null, cameras: 0, stages: [], seenAt: T0 };
    showNodes(metrics, [
      { ...node, nodeId: 'a', roles: ['cameras', 'web'], state: 'present' },
      { ...node, nodeId: 'b', roles: ['cameras'], state: 'away' },
    ]);
    assert.deepEqual(await series(metrics, 'node_up'), ['{node_id="a"} 1', '{node_id="b"} 0']);
    const present = await series(metrics, 'nodes_present');
    assert.ok(present.includes('{role="cameras"} 1') && present.includes('{role="scheduler"} 0'), present.join());
  });

  it('share the processor time of the process among main thread, other threads and the rest', async () => {
    const metrics = make();
    bindMachine(metrics, {
      nodeId: 'node-1',
      version: '1.2.3',
      config: { dataDir: import.meta.dirname, roles: ['web', 'cameras'], isolation: 'thread' },
      nodeWatch: { roster: () => [] },
      streamMemory: { figures: () => [] },
    });
    metrics.inc('stage_cpu_seconds_total', 0.000_1, { stage: 'caller' });
    await metrics.render();
    const times = await metrics.totals('stage_cpu_seconds_total', { by: 'stage' });
    const { user, system } = process.cpuUsage();
    const sum = [...times.values()].reduce((all, seconds) => all + seconds, 0);
    assert.ok((times.get('main') ?? 0) > 0, 'the main thread');
    assert.ok(sum > 0 && sum <= (user + system) / 1e6, `${sum} of ${(user + system) / 1e6} s`);
    assert.deepEqual(await series(metrics, 'system_info'), [
      `{version="1.2.3",node_id="node-1",roles="cameras,web",node_version="${process.version}"} 1`,
    ]);
  });

  it('sum up the errors of all stages, each time anew', async () => {
    const metrics = make();
    metrics.inc('dead_letters_total', 2, { stream: 'TASKS', consumer: 'scheduler-p3' });
    metrics.inc('llm_calls_total', 3, { status: 'timeout' });
    metrics.inc('llm_calls_total', 9, { status: 'success' });
    metrics.inc('tasks_processed_total', 1, { status: 'failed' });
    metrics.inc('tasks_processed_total', 7, { status: 'success' });
    for (let i = 0; i < 2; i += 1) await showPipelineErrors(metrics, 5);
    const found = await metrics.totals('pipeline_errors_total', { by: 'component' });
    assert.deepEqual([...found].filter(([, errors]) => errors > 0).toSorted(), [
      ['bus', 5],
      ['calls', 3],
      ['scheduler', 1],
      ['scheduler-p3', 2],
    ]);
  });
});
