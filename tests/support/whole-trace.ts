import assert from 'node:assert/strict';
import type { Span } from '../../src/tracing/span.ts';
import { gantryHere } from './gantry-here.ts';
import type { OtlpReceiver } from './otlp-receiver.ts';
import { until } from './until.ts';

const PARTS = [
  'aggregate > push',
  'camera > decode',
  'camera > detect',
  'camera > publish',
  'none > camera',
  'publish > aggregate',
  'publish > task',
  'task > call',
  'task > lease',
];
const NAMES = new Set(PARTS.map((part) => part.split(' ').at(-1)));

/**
 * Waits until a collector has all spans of a frame that the model answered, and checks that each came once, under its
 * cause. Resolves to them by id.
 */
export async function wholeTrace(otlp: OtlpReceiver, traceId: string) {
  const trace = () => otlp.spans.filter((span) => span.traceId === traceId);
  await until('all spans of the frame', () => new Set(trace().map(({ name }) => name)).size === NAMES.size);
  // Each part of Gantry exports by itself, so that a push can come before its aggregate.
  const spans = await until('both ways of the push, and the cause of each span', () => {
    const now = trace();
    const ids = new Set(now.map(({ spanId }) => spanId));
    const isWhole = now.every(({ parentSpanId }) => parentSpanId === '' || ids.has(parentSpanId));
    return isWhole && now.filter(({ name }) => name === 'push').length >= 2 ? now : undefined;
  });
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  assert.equal(byId.size, spans.length, 'each span came once');
  const parents = new Set(spans.map(({ name, parentSpanId }) => `${byId.get(parentSpanId)?.name ?? 'none'} > ${name}`));
  assert.deepEqual([...parents].toSorted(), PARTS);
  for (const { startMs, endMs, name, service } of spans) {
    assert.ok(endMs >= startMs && Math.abs(Date.now() - startMs) < 600_000, `${name}: ${startMs} to ${endMs}`);
    assert.equal(service, 'gantry');
  }
  return byId;
}

export interface TracedFrame {
  readonly cameraId: string;
  readonly requestId: string;
  readonly traceId: string;
}

/** Checks that `gantry trace` prints the spans of a frame under the ids of the export, and refuses other requests. */
export async function printsTrace(
  otlp: OtlpReceiver,
  { cameraId, requestId, traceId }: TracedFrame,
  dataDir: string,
): Promise<void> {
  const asJson = await gantryHere('trace', requestId, '--data-dir', dataDir, '--json');
  assert.equal(asJson.code, 0, asJson.err);
  const { spans, ...more } = JSON.parse(asJson.out);
  assert.deepEqual([more.cameraId, more.traceId], [cameraId, traceId]);
  const exported = new Set(otlp.spans.filter((span) => span.traceId === traceId).map(({ spanId }) => spanId));
  const printed: string[] = spans.filter(({ missing }: Span) => missing === undefined).map((span: Span) => span.spanId);
  assert.ok(printed.length >= 8, printed.join());
  assert.deepEqual(
    printed.filter((id) => !exported.has(id)),
    [],
    'the ids are those of the export',
  );
  const { code, out } = await gantryHere('trace', requestId, '--camera', cameraId, '--data-dir', dataDir);
  assert.equal(code, 0);
  assert.match(out, /^ +call +\+ .*key sim-/mu);
  const unknown = ['trace', '0198c1f2-0000-7000-8000-000000000001', '--data-dir', dataDir];
  assert.equal((await gantryHere(...unknown)).code, 1);
  assert.equal((await gantryHere('trace', 'no-id', '--data-dir', dataDir)).code, 2);
}
