import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import { MOST } from '../../messages/bounds.ts';
import type { CallFigures, QuestionCounts, QuestionFigures } from './scheduler.types.ts';

type Outcome = keyof QuestionCounts;
type CallKind = 'used' | 'wasted';

/** Cameras that the figures list. */
const MOST_LISTED = 100;
/** Cameras whose calls are listed, and that are told apart in one second. */
const MOST_CALLING = 500;
const MOST_GROUPS = 20_000;
const SECOND_MS = 1_000;
const MINUTE_S = 60;

interface Second extends Record<CallKind, number> {
  /** Epoch s. */
  readonly at: number;
  readonly byCamera: Map<string, number>;
}

/**
 * Counts questions and calls. A call is wasted when it failed or was given up, or when a newer frame of its group had
 * been answered before. Pure: every call takes the time (epoch ms).
 */
export class QuestionTally {
  readonly #metrics: Pick<MetricRecorder, 'inc'>;
  readonly #total: Record<Outcome, number> = { asked: 0, superseded: 0, budget: 0 };
  readonly #cameras = new Map<string, Record<Outcome, number>>();
  readonly #calls: Record<CallKind, number> = { used: 0, wasted: 0 };
  /** Calls of the last minute by second, oldest first. */
  #seconds: Second[] = [];
  /** Time of the newest frame that the model answered, by group. */
  readonly #answered = new Map<string, number>();

  constructor(metrics: Pick<MetricRecorder, 'inc'>) {
    this.#metrics = metrics;
  }

  get used(): number {
    return this.#calls.used;
  }

  /** A question was put to the model, or will not be. */
  question(cameraId: string, outcome: Outcome): void {
    this.#metrics.inc('questions_total', 1, { outcome });
    this.#total[outcome]++;
    const camera = this.#cameras.get(cameraId) ?? { asked: 0, superseded: 0, budget: 0 };
    camera[outcome]++;
    this.#cameras.set(cameraId, camera);
    forgetOldest(this.#cameras, MOST.cameras);
  }

  /** A call about this camera begins. */
  called(cameraId: string, now: number): void {
    const { byCamera } = this.#count('used', 1, now);
    if (byCamera.size < MOST_CALLING || byCamera.has(cameraId))
      byCamera.set(cameraId, (byCamera.get(cameraId) ?? 0) + 1);
  }

  /** A task ended with this result. `group`: of a question, its group and the time of its frame. */
  ended(
    { metadata, source }: Pick<AssessmentResult, 'metadata' | 'source'>,
    group: { readonly key: string; readonly frameAt: number } | null,
    now: number,
  ): void {
    const calls = metadata.calls ?? [];
    let wasted = calls.filter(({ outcome }) => outcome !== 'ok').length;
    if (group !== null && source === 'vlm' && calls.length > wasted) {
      const newest = this.#answered.get(group.key) ?? -Infinity;
      if (newest > group.frameAt) wasted += 1;
      this.#answered.delete(group.key);
      this.#answered.set(group.key, Math.max(newest, group.frameAt));
      forgetOldest(this.#answered, MOST_GROUPS);
    }
    if (wasted > 0) this.#count('wasted', wasted, now);
  }

  questions(): QuestionFigures {
    const listed = [...this.#cameras]
      .toSorted(([, a], [, b]) => b.budget + b.superseded - (a.budget + a.superseded))
      .slice(0, MOST_LISTED);
    return { ...this.#total, by_camera: listed.map(([camera_id, counts]) => ({ camera_id, ...counts })) };
  }

  calls(now: number): Pick<CallFigures, CallKind | `${CallKind}_last_minute` | 'by_camera'> {
    this.#prune(now);
    const sum = (kind: CallKind): number => this.#seconds.reduce((total, second) => total + second[kind], 0);
    return {
      ...this.#calls,
      used_last_minute: sum('used'),
      wasted_last_minute: sum('wasted'),
      by_camera: this.#byCamera(),
    };
  }

  /** In the seconds that are kept. */
  #byCamera(): CallFigures['by_camera'] {
    const sums = new Map<string, number>();
    for (const { byCamera } of this.#seconds)
      for (const [cameraId, calls] of byCamera) sums.set(cameraId, (sums.get(cameraId) ?? 0) + calls);
    return [...sums]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, MOST_CALLING)
      .map(([camera_id, calls]) => ({ camera_id, calls }));
  }

  #count(kind: CallKind, count: number, now: number): Second {
    this.#calls[kind] += count;
    this.#prune(now);
    const at = Math.floor(now / SECOND_MS);
    const newest = this.#seconds.at(-1);
    const second = newest?.at === at ? newest : { at, used: 0, wasted: 0, byCamera: new Map() };
    if (second !== newest) this.#seconds.push(second);
    second[kind] += count;
    return second;
  }

  #prune(now: number): void {
    const from = Math.floor(now / SECOND_MS) - MINUTE_S;
    this.#seconds = this.#seconds.filter(({ at }) => at > from);
  }
}

function forgetOldest<T>(map: Map<string, T>, most: number): void {
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
