/** The spans of one frame, from the messages about it that the streams still have. Pure. */
import type { Aggregate } from '../messages/aggregate.ts';
import type { AssessmentResult } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import { taskId } from '../messages/ids.ts';
import type { AssessmentTask } from '../messages/task.ts';
import { spanIdOf } from '../messages/trace-context.ts';
import { aggregateSpan, detectionSpans, resultSpans, spanWith } from './frame-spans.ts';
import { known, type Span } from './span.ts';

/** A message and when its stream had it, epoch ms. */
export interface At<T> {
  readonly body: T;
  readonly storedAt: number;
}

export interface FrameMessages {
  readonly detection: At<Detection> | null;
  /** Tasks without an answer; an answered one is gone. */
  readonly tasks: readonly At<AssessmentTask>[];
  readonly results: readonly At<AssessmentResult>[];
  readonly aggregates: readonly At<Aggregate>[];
  /** Revisions that are alerts, kept longer than the others. */
  readonly alerts: readonly At<Aggregate>[];
}

const GONE = 'its message is no longer kept';

/** All spans in the order in which they begin; those that the messages imply but do not tell of have `missing`. */
export function spansOf(messages: FrameMessages): Span[] {
  const { detection, tasks, results } = messages;
  const aggregates = revisionsOf(messages);
  const first = detection ?? aggregates[0] ?? results[0] ?? tasks[0];
  if (first === undefined) return [];
  const { traceId } = first.body;
  const answered = new Set(results.map(({ body }) => body.taskId));
  const spans = [
    ...(detection === null ? [missingCamera(first.body)] : detectionSpans(detection.body, detection.storedAt)),
    ...results.flatMap(({ body, storedAt }) => resultSpans(body, storedAt)),
    ...tasks.filter(({ body }) => !answered.has(body.taskId)).map(({ body, storedAt }) => pending(body, storedAt)),
    ...missingResults(aggregates.at(-1), answered),
    ...aggregates.map(({ body, storedAt }) => aggregateSpan(body, storedAt)),
    ...missingRevisions(traceId, aggregates, first.storedAt),
  ];
  return [...spans, missingPush(traceId, aggregates.at(-1), first.storedAt)].toSorted((a, b) => a.startMs - b.startMs);
}

/** Each revision once, in order. */
function revisionsOf({ aggregates, alerts }: FrameMessages): readonly At<Aggregate>[] {
  const byRevision = new Map([...alerts, ...aggregates].map((one) => [one.body.revision, one]));
  return [...byRevision.values()].toSorted((a, b) => a.body.revision - b.body.revision);
}

function missingCamera(of: Aggregate | AssessmentResult | AssessmentTask | Detection): Span {
  const frameAt = Date.parse(('frameTimestamp' in of ? of.frameTimestamp : undefined) ?? of.timestamp);
  return spanWith({
    traceId: of.traceId,
    name: 'camera',
    startMs: frameAt,
    endMs: frameAt,
    attributes: { 'gantry.camera_id': of.cameraId, 'gantry.request_id': of.requestId },
    missing: 'its detection is no longer kept',
  });
}

const pending = ({ traceId, taskId: key, group }: AssessmentTask, storedAt: number): Span =>
  spanWith({
    traceId,
    name: 'task',
    key,
    parentSpanId: spanIdOf(traceId, 'publish'),
    startMs: storedAt,
    endMs: storedAt,
    attributes: { 'gantry.task_id': key, 'gantry.group_index': group.groupIndex },
    missing: 'nobody has answered it yet',
  });

/** Groups with an answer of the model about this very frame, of which no result is left. */
function missingResults(newest: At<Aggregate> | undefined, answered: ReadonlySet<string>): Span[] {
  if (newest === undefined) return [];
  const { traceId, requestId, riskAssessment } = newest.body;
  return riskAssessment.results
    .filter(({ source, carried }) => source === 'vlm' && carried !== true)
    .map(({ groupIndex, riskLevel }) => ({ groupIndex, riskLevel, key: taskId(requestId, groupIndex) }))
    .filter(({ key }) => !answered.has(key))
    .map(({ groupIndex, riskLevel, key }) =>
      spanWith({
        traceId,
        name: 'task',
        key,
        parentSpanId: spanIdOf(traceId, 'publish'),
        startMs: Date.parse(newest.body.timestamp),
        endMs: 0,
        attributes: { 'gantry.task_id': key, 'gantry.group_index': groupIndex, 'gantry.risk_level': riskLevel },
        missing: GONE,
      }),
    );
}

/** Revisions below the highest that is there, and revision 0 in any case. */
function missingRevisions(traceId: string, aggregates: readonly At<Aggregate>[], at: number): Span[] {
  const there = new Map(aggregates.map(({ body, storedAt }) => [body.revision, storedAt]));
  const highest = aggregates.at(-1)?.body.revision ?? 0;
  const missing: Span[] = [];
  for (let revision = 0; revision <= highest && missing.length < MOST_MISSING; revision += 1) {
    if (there.has(revision)) continue;
    const attributes = { 'gantry.revision': revision };
    const parentSpanId = spanIdOf(traceId, 'publish');
    const key = String(revision);
    const of = { traceId, name: 'aggregate', key, parentSpanId, attributes, missing: GONE } as const;
    missing.push(spanWith({ ...of, startMs: at, endMs: at }));
  }
  return missing;
}

/** A frame has as many revisions as groups and incidents at most, but the bound of a message is far above. */
const MOST_MISSING = 20;

function missingPush(traceId: string, newest: At<Aggregate> | undefined, at: number): Span {
  const revision = newest?.body.revision ?? 0;
  const pushedAt = newest?.storedAt ?? at;
  return spanWith({
    traceId,
    name: 'push',
    parentSpanId: spanIdOf(traceId, 'aggregate', String(revision)),
    startMs: pushedAt,
    endMs: pushedAt,
    attributes: known({ 'gantry.revision': revision }),
    missing: 'no stream tells of pushes; exported traces do',
  });
}
