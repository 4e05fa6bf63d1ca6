import type { Aggregate } from '../messages/aggregate.ts';
import type { AssessmentResult } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';
import type { RequestId } from '../messages/ids.ts';
import { aggregateFrame } from './aggregate-frame.ts';

export interface AggregationOptions {
  /** After the frame's time by this much the aggregate goes out with what is there, in ms. */
  readonly deadlineMs: number;
  /** Frames kept after they went out, so that late answers revise them and repeated ones change nothing. */
  readonly rememberFrames: number;
  /** Frames whose answers are kept though they came before the detection, and for how long, in ms. */
  readonly earlyFrames: number;
  readonly earlyMs: number;
}

export interface AggregationCounters {
  published: number;
  revised: number;
  incomplete: number;
  duplicates: number;
  /** Answers to frames nobody remembers: too late, or forgotten at the bound. */
  orphans: number;
}

/** What to do now: publish these. `alert` is true the first time a frame is found to be of high risk. */
export interface Publication {
  readonly aggregate: Aggregate;
  readonly alert: boolean;
}

interface Frame {
  readonly detection: Detection;
  readonly results: Map<number, AssessmentResult>;
  readonly deadline: number;
  /** Null until it went out. */
  revision: number | null;
  alerted: boolean;
}

/**
 * Joins detections with their answers, one aggregate per frame. A frame goes out when its last answer is in, or at its
 * deadline; an answer after that makes a new revision of the same aggregate. Pure state: time is passed in, memory is
 * bounded by the options and by `pending`'s deadline.
 */
export class Aggregation {
  readonly counters: AggregationCounters = { published: 0, revised: 0, incomplete: 0, duplicates: 0, orphans: 0 };
  readonly #options: AggregationOptions;
  /** Frames that wait for answers, and frames that went out; each in the order of arrival. */
  readonly #waiting = new Map<RequestId, Frame>();
  readonly #done = new Map<RequestId, Frame>();
  readonly #early = new Map<RequestId, { readonly since: number; readonly results: Map<number, AssessmentResult> }>();

  constructor(options: AggregationOptions) {
    this.#options = options;
  }

  /** Frames waiting for answers. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** When the next deadline is, at the latest; null when nothing waits. Frames come roughly in order of their time. */
  get nextDeadline(): number | null {
    const [first] = this.#waiting.values();
    return first?.deadline ?? null;
  }

  /** A detection arrived, perhaps again. */
  onDetection(detection: Detection, now: number): Publication[] {
    const { requestId } = detection;
    if (this.#frame(requestId) !== undefined) {
      this.counters.duplicates += 1;
      return [];
    }
    const deadline = Math.max(now, Date.parse(detection.timestamp) + this.#options.deadlineMs);
    const results = this.#early.get(requestId)?.results ?? new Map<number, AssessmentResult>();
    this.#early.delete(requestId);
    const frame: Frame = { detection, results, deadline, revision: null, alerted: false };
    this.#waiting.set(requestId, frame);
    return isComplete(frame) ? [this.#publish(frame, now)] : [];
  }

  /** An answer arrived, perhaps again, perhaps before its detection, perhaps late. */
  onResult(result: AssessmentResult, now: number): Publication[] {
    const frame = this.#frame(result.requestId);
    const known = frame?.results ?? this.#earlyResults(result.requestId, now);
    if (known.has(result.groupIndex)) {
      this.counters.duplicates += 1;
      return [];
    }
    known.set(result.groupIndex, result);
    return frame !== undefined && (frame.revision !== null || isComplete(frame)) ? [this.#publish(frame, now)] : [];
  }

  /** Publishes what is due, and gives up answers whose detection never came. */
  onTime(now: number): Publication[] {
    const due = [...this.#waiting.values()].filter((frame) => frame.deadline <= now);
    this.counters.incomplete += due.length;
    for (const [requestId, { since }] of this.#early) {
      if (now - since < this.#options.earlyMs) break;
      this.#dropEarly(requestId);
    }
    return due.map((frame) => this.#publish(frame, now));
  }

  /** True when nothing waits for this frame any more: it went out, or was given up. Its messages may be acked. */
  isSettled(requestId: RequestId): boolean {
    return !this.#waiting.has(requestId) && !this.#early.has(requestId);
  }

  #frame(requestId: RequestId): Frame | undefined {
    return this.#waiting.get(requestId) ?? this.#done.get(requestId);
  }

  #publish(frame: Frame, now: number): Publication {
    const { requestId } = frame.detection;
    const revision = frame.revision === null ? 0 : frame.revision + 1;
    frame.revision = revision;
    if (revision === 0) {
      this.counters.published += 1;
      this.#waiting.delete(requestId);
      this.#done.set(requestId, frame);
      const [oldest] = this.#done.keys();
      if (this.#done.size > this.#options.rememberFrames && oldest !== undefined) this.#done.delete(oldest);
    } else {
      this.counters.revised += 1;
    }
    const aggregate = aggregateFrame(frame.detection, frame.results, revision, now);
    const alert = !frame.alerted && aggregate.riskAssessment.maxRiskLevel === 'high';
    frame.alerted ||= alert;
    return { aggregate, alert };
  }

  #earlyResults(requestId: RequestId, now: number): Map<number, AssessmentResult> {
    const kept = this.#early.get(requestId);
    if (kept !== undefined) return kept.results;
    const results = new Map<number, AssessmentResult>();
    this.#early.set(requestId, { since: now, results });
    const [oldest] = this.#early.keys();
    if (this.#early.size > this.#options.earlyFrames && oldest !== undefined) this.#dropEarly(oldest);
    return results;
  }

  #dropEarly(requestId: RequestId): void {
    this.counters.orphans += this.#early.get(requestId)?.results.size ?? 0;
    this.#early.delete(requestId);
  }
}

const isComplete = (frame: Frame): boolean => frame.results.size >= frame.detection.trafficGroups.length;
