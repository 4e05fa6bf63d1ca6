import type { Aggregate } from '../../messages/aggregate.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { Detection } from '../../messages/detection.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { type Percentiles, percentiles } from './percentiles.ts';

/**
 * The stages that take time, in the order of the data flow; all in ms. `end to end` is the first push of a frame, which
 * waits for no answer; `assessed` the first one with the model's answer about each of its groups.
 */
export const STAGES = [
  'detect',
  'store+publish',
  'task',
  'assess',
  'aggregate',
  'push',
  'end to end',
  'assessed',
] as const;
export type Stage = (typeof STAGES)[number];

export interface CheckReport {
  readonly counts: {
    readonly frames: number;
    readonly groups: number;
    /** Of them, those in which nothing had changed since an earlier frame: the model may have answered about it. */
    readonly still: number;
    readonly tasks: number;
    readonly assessments: number;
    readonly aggregates: number;
    readonly pushed: number;
  };
  readonly sources: Readonly<Record<string, number>>;
  readonly unknown: number;
  readonly stages: Readonly<Record<Stage, Percentiles | null>>;
  /** One sentence per problem; empty when every stage works. */
  readonly problems: readonly string[];
}

interface Seen {
  detectionAt: number;
  tasksAt: Map<number, number>;
  aggregateAt: number | null;
  assessed: boolean;
}

/** Follows each frame through the stages by its messages on the wire. Pure: the caller passes arrival times. */
export class CheckLedger {
  readonly #frames = new Map<string, Seen>();
  readonly #samples: Record<Stage, number[]> = {
    detect: [],
    'store+publish': [],
    task: [],
    assess: [],
    aggregate: [],
    push: [],
    'end to end': [],
    assessed: [],
  };
  readonly #counts = { frames: 0, groups: 0, still: 0, tasks: 0, assessments: 0, aggregates: 0, pushed: 0 };
  readonly #sources: Record<string, number> = {};
  #unknown = 0;
  #traceBroken = 0;
  readonly #traces = new Map<string, string>();

  detection(detection: Detection, at: number): void {
    this.#counts.frames += 1;
    this.#counts.groups += detection.trafficGroups.length;
    this.#counts.still += detection.trafficGroups.filter(({ unchangedSince }) => unchangedSince !== undefined).length;
    const detectMs = detection.detectionLatency * 1000;
    this.#samples.detect.push(detectMs);
    this.#samples['store+publish'].push(at - Date.parse(detection.timestamp) - detectMs);
    this.#trace(detection.requestId, detection.traceId);
    this.#frames.set(detection.requestId, {
      detectionAt: at,
      tasksAt: new Map(),
      aggregateAt: null,
      assessed: false,
    });
  }

  task(task: AssessmentTask, at: number): void {
    const frame = this.#frames.get(task.requestId);
    if (frame === undefined) return;
    this.#counts.tasks += 1;
    this.#trace(task.requestId, task.traceId);
    frame.tasksAt.set(task.group.groupIndex, at);
    this.#samples.task.push(at - frame.detectionAt);
  }

  result(result: AssessmentResult, at: number): void {
    const frame = this.#frames.get(result.requestId);
    if (frame === undefined) return;
    this.#counts.assessments += 1;
    this.#sources[result.source] = (this.#sources[result.source] ?? 0) + 1;
    if (result.error !== undefined) this.#unknown += 1;
    this.#trace(result.requestId, result.traceId);
    const asked = frame.tasksAt.get(result.groupIndex);
    if (asked !== undefined) this.#samples.assess.push(at - asked);
  }

  aggregate(aggregate: Aggregate, at: number): void {
    const frame = this.#frames.get(aggregate.requestId);
    if (frame === undefined || frame.aggregateAt !== null) return;
    this.#counts.aggregates += 1;
    this.#trace(aggregate.requestId, aggregate.traceId);
    frame.aggregateAt = at;
    this.#samples.aggregate.push(at - frame.detectionAt);
  }

  pushed(aggregate: Aggregate, at: number): void {
    const frame = this.#frames.get(aggregate.requestId);
    if (frame === undefined) return;
    if (!frame.assessed && isAssessed(aggregate)) {
      frame.assessed = true;
      this.#samples.assessed.push(at - Date.parse(aggregate.timestamp));
    }
    if (aggregate.revision > 0) return;
    this.#counts.pushed += 1;
    this.#trace(aggregate.requestId, aggregate.traceId);
    if (frame.aggregateAt !== null) this.#samples.push.push(at - frame.aggregateAt);
    this.#samples['end to end'].push(at - Date.parse(aggregate.timestamp));
  }

  report(): CheckReport {
    const { frames, groups, still, tasks, assessments, aggregates, pushed } = this.#counts;
    const silent = (count: number, stage: string, hint: string): string[] =>
      count > 0 ? [] : [`${stage}: silent; ${hint}`];
    const problems = [
      ...silent(frames, 'camera', 'no detection arrived: is the camera online?'),
      ...(frames === 0
        ? []
        : silent(groups, 'grouping', 'no two road users were near each other: is the scene empty?')),
      ...(groups === still ? [] : silent(tasks, 'task generator', 'no task on assessment-tasks.>')),
      ...(tasks === 0 ? [] : silent(assessments, 'scheduler', 'no answer on risk-assessment-results.>')),
      ...(frames === 0 ? [] : silent(aggregates, 'aggregator', 'no aggregate was published')),
      ...(aggregates === 0 ? [] : silent(pushed, 'live feed', 'no aggregate came over the WebSocket')),
      ...(this.#traceBroken === 0
        ? []
        : [`trace: ${this.#traceBroken} messages carry another trace id than their frame`]),
    ];
    const stages: Record<Stage, Percentiles | null> = {
      detect: percentiles(this.#samples.detect),
      'store+publish': percentiles(this.#samples['store+publish']),
      task: percentiles(this.#samples.task),
      assess: percentiles(this.#samples.assess),
      aggregate: percentiles(this.#samples.aggregate),
      push: percentiles(this.#samples.push),
      'end to end': percentiles(this.#samples['end to end']),
      assessed: percentiles(this.#samples.assessed),
    };
    return { counts: { ...this.#counts }, sources: { ...this.#sources }, unknown: this.#unknown, stages, problems };
  }

  #trace(requestId: string, traceId: string): void {
    const known = this.#traces.get(requestId);
    if (known === undefined) this.#traces.set(requestId, traceId);
    else if (known !== traceId) this.#traceBroken += 1;
  }
}

const isAssessed = ({ riskAssessment: { results } }: Aggregate): boolean =>
  results.length > 0 && results.every(({ source, carried }) => source === 'vlm' && carried !== true);
