/** The spans that one message of a frame tells of. Pure. */
import { type Aggregate, isAlert } from '../messages/aggregate.ts';
import type { AssessmentResult, CallTrace } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import { ON_DEMAND_CAMERA } from '../messages/ids.ts';
import { callKey, spanIdOf } from '../messages/trace-context.ts';
import { known, type Span } from './span.ts';

type Given = Pick<Span, 'traceId' | 'name' | 'startMs' | 'endMs' | 'attributes'> &
  Partial<Pick<Span, 'parentSpanId' | 'kind' | 'error' | 'missing'>> & { readonly key?: string };

/** A span with its id. The clocks of two machines may differ: one that would end before it begins has no length. */
export const spanWith = ({ key = '', startMs, endMs, parentSpanId = null, ...given }: Given): Span => ({
  kind: 'internal',
  error: null,
  ...given,
  spanId: spanIdOf(given.traceId, given.name, key),
  parentSpanId,
  startMs,
  endMs: Math.max(startMs, endMs),
});

/** Camera, decode, detect and publish. `storedAt`: when the stream had the detection, epoch ms. */
export function detectionSpans(detection: Detection, storedAt: number): Span[] {
  const { traceId, cameraId, requestId, stages } = detection;
  const startMs = Date.parse(detection.timestamp);
  const analysedAt = startMs + detection.detectionLatency * 1_000;
  const camera = spanIdOf(traceId, 'camera');
  const decodedFrom = startMs + (stages?.queuedMs ?? 0);
  const decodedAt = decodedFrom + (stages?.decodeMs ?? 0);
  const frame = known({
    'gantry.camera_id': cameraId,
    'gantry.request_id': requestId,
    'gantry.frame_number': detection.frameNumber,
    'gantry.replay_of': detection.replayOf,
  });
  const found = known({
    'gantry.model': detection.modelType,
    'gantry.objects': detection.detectedObjects.length,
    'gantry.groups': detection.trafficGroups.length,
    'gantry.incidents': detection.incidents.length,
    'gantry.detect_ms': stages?.detectMs,
    'gantry.track_ms': stages?.trackMs,
  });
  const within = { traceId, parentSpanId: camera };
  const decode = { ...within, name: 'decode', startMs: decodedFrom, endMs: decodedAt, attributes: {} } as const;
  return [
    spanWith({ traceId, name: 'camera', startMs, endMs: storedAt, attributes: frame }),
    ...(stages === undefined ? [] : [spanWith(decode)]),
    spanWith({
      ...within,
      name: 'detect',
      startMs: decodedAt + (stages?.waitMs ?? 0),
      endMs: analysedAt,
      attributes: found,
    }),
    spanWith({ ...within, name: 'publish', kind: 'producer', startMs: analysedAt, endMs: storedAt, attributes: {} }),
  ];
}

/** A task from its storing to its result's, with the lease and the call of each attempt. `storedAt`: epoch ms. */
export function resultSpans(result: AssessmentResult, storedAt: number): Span[] {
  const { traceId, taskId, cameraId, metadata, error, degradedReason } = result;
  const [verdict] = result.results;
  const { taskStoredAt, waitMs, calls = [] } = metadata;
  // Of results of earlier versions, the time of the frame and the wait are known.
  const begunAt = Date.parse(result.frameTimestamp ?? result.timestamp) + (waitMs ?? 0);
  const attributes = known({
    'gantry.camera_id': cameraId,
    'gantry.task_id': taskId,
    'gantry.group_index': result.groupIndex,
    'gantry.group_id': result.groupId,
    'gantry.prior': result.prior,
    'gantry.risk_level': verdict?.riskLevel,
    'gantry.source': result.source,
    'gantry.reason': verdict?.reason,
    'gantry.retries': metadata.retryCount,
    'gantry.since_frame_ms': waitMs,
  });
  const failure = error ?? degradedReason;
  const task = spanWith({
    traceId,
    name: 'task',
    key: taskId,
    // A picture that was handed in has no frame before its task.
    parentSpanId: cameraId === ON_DEMAND_CAMERA ? null : spanIdOf(traceId, 'publish'),
    startMs: taskStoredAt === undefined ? begunAt : Date.parse(taskStoredAt),
    endMs: storedAt,
    attributes,
    error: failure === undefined ? null : `${failure.code}: ${failure.message}`,
  });
  return [task, ...calls.flatMap((call) => callSpans(call, result, task.spanId))];
}

function callSpans(call: CallTrace, { traceId, taskId, metadata }: AssessmentResult, parentSpanId: string): Span[] {
  if (call.leaseAskedAt === undefined) return [];
  const askedAt = Date.parse(call.leaseAskedAt);
  const leasedAt = askedAt + call.leaseMs;
  const key = callKey(taskId, call.apiKeyId, askedAt);
  const isOk = call.outcome === 'ok';
  const of = { traceId, key, parentSpanId };
  const hedge = { 'gantry.key': call.apiKeyId, 'gantry.hedge': call.hedge };
  return [
    spanWith({ ...of, name: 'lease', startMs: askedAt, endMs: leasedAt, attributes: known(hedge) }),
    spanWith({
      ...of,
      name: 'call',
      kind: 'client',
      startMs: leasedAt,
      endMs: leasedAt + (call.sendMs ?? 0) + (call.modelMs ?? 0),
      attributes: known({
        ...hedge,
        'gen_ai.request.model': isOk ? metadata.llmModel : null,
        'gantry.outcome': call.outcome,
        'gantry.send_ms': call.sendMs,
        'gantry.model_ms': call.modelMs,
        'gantry.parse_ms': call.parseMs,
      }),
      // A call that another one overtook did not fail.
      error: isOk || call.outcome === 'abandoned' ? null : call.outcome,
    }),
  ];
}

/** One revision, from its making to its storing. `storedAt`: epoch ms. */
export function aggregateSpan(aggregate: Aggregate, storedAt: number): Span {
  const { traceId, revision, riskAssessment, cameraId } = aggregate;
  return spanWith({
    traceId,
    name: 'aggregate',
    key: String(revision),
    kind: 'producer',
    parentSpanId: spanIdOf(traceId, 'publish'),
    startMs: Date.parse(aggregate.publishedAt),
    endMs: storedAt,
    attributes: known({
      'gantry.camera_id': cameraId,
      'gantry.revision': revision,
      'gantry.risk_level': riskAssessment.maxRiskLevel,
      'gantry.source': riskAssessment.source,
      'gantry.alert': isAlert(aggregate) ? true : null,
    }),
    error: null,
  });
}

/** The aggregate that a push is about. */
export type Pushed = Pick<Aggregate, 'traceId' | 'revision' | 'cameraId'>;

/** A revision on its way to Redis, or to the viewers of the node `nodeId`. Times are epoch ms. */
export const pushSpan = (
  { traceId, revision, cameraId }: Pushed,
  to: 'redis' | 'viewers',
  nodeId: string,
  [startMs, endMs]: readonly [number, number],
): Span =>
  spanWith({
    traceId,
    name: 'push',
    key: `${revision} ${to} ${nodeId}`,
    kind: 'producer',
    parentSpanId: spanIdOf(traceId, 'aggregate', String(revision)),
    startMs,
    endMs,
    attributes: { 'gantry.camera_id': cameraId, 'gantry.revision': revision, 'gantry.to': to, 'gantry.node': nodeId },
  });
