import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ROOT_CONTEXT } from '@opentelemetry/api';
import { InMemorySpanExporter, SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { readTraceSettings } from '../../src/app/trace-settings.ts';
import { traceLines } from '../../src/cli/trace/trace-text.ts';
import { traceHeaders } from '../../src/infra/nats/send.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { Detection } from '../../src/messages/detection.ts';
import { newTraceId } from '../../src/messages/new-ids.ts';
import { callKey, spanIdOf } from '../../src/messages/trace-context.ts';
import { type FrameMessages, spansOf } from '../../src/tracing/frame-trace.ts';
import { OtlpSpans } from '../../src/tracing/otlp-spans.ts';
import { sampledAt } from '../../src/tracing/sampling.ts';
import { inOrder, treeOf } from '../../src/tracing/span-tree.ts';
import { spanWith } from '../../src/tracing/frame-spans.ts';

const AT = Date.parse('2026-01-31T08:00:00.000Z');
const iso = (ms: number): string => new Date(AT + ms).toISOString();
const traceId = 'abcdef0123456789abcdef0123456789';
const requestId = '0198c1f2-0000-7000-8000-000000000001';
const cameraId = 'cam-1';
const task = `${requestId}_group1`;

const detection = Detection.parse({
  requestId,
  cameraId,
  timestamp: iso(0),
  traceId,
  frameNumber: 7,
  detectedObjects: [],
  trafficGroups: [],
  imageWidth: 100,
  imageHeight: 100,
  imageId: null,
  detectionLatency: 0.09,
  modelType: 'tiny',
  stages: { queuedMs: 5, decodeMs: 15, waitMs: 10, detectMs: 40, trackMs: 20 },
});
const call = { sendMs: 4, parseMs: 1 };
const result = AssessmentResult.parse({
  taskId: task,
  requestId,
  cameraId,
  timestamp: iso(800),
  traceId,
  groupIndex: 1,
  groupId: 'g1',
  frameTimestamp: iso(0),
  results: [
    {
      groupIndex: 1,
      riskLevel: 'high',
      confidence: 0.9,
      riskTypes: ['x'],
      description: 'x',
      dangerObjectCount: 0,
      triggerObjectIds: [],
      source: 'vlm',
    },
  ],
  source: 'vlm',
  metadata: {
    llmLatency: 0.6,
    llmModel: 'm',
    apiKeyId: 'key-b',
    retryCount: 1,
    promptTokens: 1,
    completionTokens: 1,
    taskStoredAt: iso(105),
    waitMs: 120,
    calls: [
      { ...call, apiKeyId: 'key-a', outcome: 'timeout', leaseMs: 10, modelMs: 200, leaseAskedAt: iso(130) },
      { ...call, apiKeyId: 'key-b', outcome: 'ok', leaseMs: 20, modelMs: 300, leaseAskedAt: iso(400), hedge: true },
    ],
  },
});
const revision = (number: number, publishedAt: number): Aggregate => ({
  ...detection,
  revision: number,
  publishedAt: iso(publishedAt),
  incidents: [],
  riskAssessment: {
    maxRiskLevel: 'high',
    hasDangerousDriving: true,
    results: result.results,
    missingGroups: [],
    source: 'vlm',
    degraded: false,
  },
  llmLatency: 0,
  llmModel: null,
});
const at = <T>(body: T, ms: number) => ({ body, storedAt: AT + ms });
const whole: FrameMessages = {
  detection: at(detection, 100),
  tasks: [],
  results: [at(result, 810)],
  aggregates: [at(revision(0, 110), 113), at(revision(1, 815), 818)],
  alerts: [at(revision(1, 815), 820)],
};
const told = (messages: FrameMessages) =>
  inOrder(treeOf(spansOf(messages))).map(({ span: { name, startMs, endMs, missing }, depth }) =>
    [depth, name, startMs - AT, endMs - AT, ...(missing === undefined ? [] : ['missing'])].join(' '),
  );

describe('the spans of a frame', () => {
  it('tell each part of its way, under the part that caused it', () => {
    assert.deepEqual(told(whole), [
      '0 camera 0 100',
      '1 decode 5 20',
      '1 detect 30 90',
      '1 publish 90 100',
      '2 task 105 810',
      '3 lease 130 140',
      '3 call 140 344',
      '3 lease 400 420',
      '3 call 420 724',
      '2 aggregate 110 113',
      '2 aggregate 815 818',
      '3 push 818 818 missing',
    ]);
    const calls = spansOf(whole).filter(({ name }) => name === 'call');
    assert.deepEqual(
      calls.map(({ kind, error, attributes }) => [kind, error, attributes['gantry.key'], attributes['gantry.hedge']]),
      [
        ['client', 'timeout', 'key-a', undefined],
        ['client', null, 'key-b', true],
      ],
    );
    assert.equal(calls[1]?.spanId, spanIdOf(traceId, 'call', callKey(task, 'key-b', AT + 400)));
    const ids = spansOf(whole).map(({ spanId }) => spanId);
    assert.equal(new Set(ids).size, ids.length, 'no two spans have the same id');
  });

  it('name the parts whose messages are gone', () => {
    const old = { ...whole, detection: null, results: [], aggregates: [] };
    assert.deepEqual(told(old), [
      '0 camera 0 0 missing',
      '1 task 0 0 missing',
      '1 aggregate 815 820',
      '2 push 820 820 missing',
      '1 aggregate 820 820 missing',
    ]);
    assert.deepEqual(told({ ...old, alerts: [] }), []);
    const early = { ...whole, results: [], aggregates: [], alerts: [] };
    assert.deepEqual(told(early).slice(4), ['2 aggregate 100 100 missing', '3 push 100 100 missing']);
  });

  it('of a version without stages begin and end with the frame', () => {
    const { stages: _, ...before } = detection;
    const lines = told({ ...whole, detection: at(before, 100) });
    assert.deepEqual(lines.slice(0, 3), ['0 camera 0 100', '1 detect 0 90', '1 publish 90 100']);
  });

  it('are printed one a line, with their beginning, length, key and verdict', () => {
    const lines = traceLines(treeOf(spansOf(whole)));
    assert.equal(lines.length, 12);
    const lineOf = (start: string): string => lines.find((line) => line.trimStart().startsWith(start)) ?? '';
    assert.match(lineOf('task'), /^ {4}task +\+ +105 ms +705 ms \|.*=.*\| subject 1 {2}high {2}by vlm/u);
    assert.match(lineOf('call'), /key key-a {2}timeout.*FAILED timeout$/u);
    assert.match(lineOf('push'), /\(no stream tells of pushes/u);
  });
});

describe('sampling', () => {
  it("is the SDK's own, so that every process decides alike", () => {
    for (const share of [0, 0.1, 0.5, 1]) {
      const ours = sampledAt(share);
      const theirs = new TraceIdRatioBasedSampler(share);
      const ids = Array.from({ length: 500 }, newTraceId);
      assert.deepEqual(
        ids.map(ours),
        ids.map((id) => theirs.shouldSample(ROOT_CONTEXT, id).decision !== SamplingDecision.NOT_RECORD),
      );
    }
  });

  it('is told in the header of every message, with the span that sent it', () => {
    const header = (share: number, spanId?: string) =>
      traceHeaders({ traceId, cameraId, requestId, ...(spanId === undefined ? {} : { spanId }) }, sampledAt(share)).get(
        'traceparent',
      );
    assert.equal(header(1, '00000000000000aa'), `00-${traceId}-00000000000000aa-01`);
    assert.equal(header(0), `00-${traceId}-${spanIdOf(traceId, 'camera')}-00`);
  });
});

describe('the variables of OpenTelemetry', () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
  it('switch the export on and off', () => {
    assert.equal(readTraceSettings({}), null);
    assert.equal(readTraceSettings({ ...endpoint, OTEL_SDK_DISABLED: 'true' }), null);
    assert.equal(readTraceSettings({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }), null);
    assert.equal(readTraceSettings(endpoint)?.share, 1);
    const ratio = { ...endpoint, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.1' };
    assert.equal(readTraceSettings(ratio)?.share, 0.1);
    assert.equal(readTraceSettings({ ...endpoint, OTEL_TRACES_SAMPLER: 'always_off' })?.share, 0);
    assert.equal(readTraceSettings({ ...endpoint, OTEL_BSP_MAX_QUEUE_SIZE: '10' })?.batch.maxExportBatchSize, 10);
  });

  it('are refused by name when they are wrong, without the login of an endpoint', () => {
    const refusal = (env: Record<string, string>) => {
      try {
        readTraceSettings({ ...endpoint, ...env });
        return '';
      } catch (thrown) {
        return String(thrown);
      }
    };
    assert.match(refusal({ OTEL_TRACES_SAMPLER: 'some' }), /OTEL_TRACES_SAMPLER must be .*, not "some"/u);
    assert.match(refusal({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }), /ARG must be.*"2"/u);
    assert.match(refusal({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }), /PROTOCOL must be http\/protobuf, not "grpc"/u);
    const login = refusal({ OTEL_EXPORTER_OTLP_ENDPOINT: 'ftp://user:hidden@x' });
    assert.match(login, /ENDPOINT must be an http or https URL/u);
    assert.doesNotMatch(login, /hidden/u);
  });
});

describe('the export of spans', () => {
  const batch = { maxQueueSize: 4, maxExportBatchSize: 4, scheduledDelayMillis: 60_000, exportTimeoutMillis: 1_000 };
  const spans = (count: number) =>
    Array.from({ length: count }, (_, key) =>
      spanWith({ traceId, name: 'task', key: `${key}`, startMs: 1.5, endMs: 3, attributes: { a: 1 }, error: 'late' }),
    );

  it('keeps ids, times, attributes and errors, and names the process', async () => {
    const exporter = new InMemorySpanExporter();
    const ends: string[] = [];
    const onEnd = (outcome: string, count: number): void => void ends.push(`${outcome} ${count}`);
    const options = { version: '9', nodeId: 'n', batch, onEnd, onExport: () => undefined };
    // The memory is emptied at the end.
    const kept: ReturnType<InMemorySpanExporter['getFinishedSpans']> = [];
    const keep = {
      export: (all: typeof kept, done: Parameters<InMemorySpanExporter['export']>[1]): void => {
        kept.push(...all);
        exporter.export(all, done);
      },
      shutdown: () => exporter.shutdown(),
    };
    const otlp = new OtlpSpans({ ...options, exporter: keep });
    const [first] = spans(1);
    otlp.add([{ ...first!, parentSpanId: '00000000000000aa' }]);
    await otlp.close();
    assert.deepEqual(ends, ['exported 1']);
    const [span] = kept;
    assert.deepEqual(
      [span?.spanContext().traceId, span?.spanContext().spanId, span?.parentSpanContext?.spanId],
      [traceId, spanIdOf(traceId, 'task', '0'), '00000000000000aa'],
    );
    assert.deepEqual(
      [span?.startTime, span?.endTime],
      [
        [0, 1_500_000],
        [0, 3_000_000],
      ],
    );
    assert.deepEqual([span?.attributes, span?.status.message], [{ a: 1 }, 'late']);
    assert.equal(span?.resource.attributes['service.name'], 'gantry');
    assert.equal(span?.resource.attributes['service.instance.id'], 'n');
  });

  it('counts the spans that were too many and those that were refused, and tells why', async () => {
    const ends: string[] = [];
    const errors: (string | undefined)[] = [];
    const otlp = new OtlpSpans({
      version: '9',
      nodeId: 'n',
      batch: { ...batch, maxExportBatchSize: 4, maxQueueSize: 4 },
      onEnd: (outcome, count) => void ends.push(`${outcome} ${count}`),
      onExport: (error) => void errors.push(error?.message),
      exporter: {
        // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- only the SDK has the names of the codes
        export: (_, done) => setImmediate(() => done({ code: 1, error: new Error('no collector') })),
        shutdown: () => Promise.resolve(),
      },
    });
    otlp.add(spans(3));
    otlp.add(spans(1));
    otlp.add(spans(5));
    await otlp.close();
    assert.ok(ends.includes('failed 4'), ends.join());
    assert.deepEqual([...new Set(errors)], ['no collector']);
    assert.ok(ends.includes('dropped 1'), ends.join());
  });
});
