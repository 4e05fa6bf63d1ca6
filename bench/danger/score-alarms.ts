/**
 * Alarms against the true events. A visible event is found by an alarm of its kind from a second before its start to
 * five after its end, one of whose boxes overlaps an actor. One alarm finds one event.
 */
import type { Box } from '../../src/messages/detection.ts';
import { EVENT_KINDS, type EventKind } from '../../src/messages/scene-constants.ts';
import { iou } from '../../src/vision/geometry.ts';
import { type DangerScene, STATE_SECONDS, type TrueEvent, trueStateAt } from './scene-folder.ts';

const EARLY_SECONDS = 1;
const LATE_SECONDS = 5;
/** False alarms of a kind nearby within so many seconds are one. */
const REPEAT_SECONDS = 10;
const NEARBY_PX = 60;
/** An actor counts where it was last, for so many seconds. */
const GONE_SECONDS = 1;
const LEAST_IOU = 0.3;

export interface Alarm {
  readonly scene: string;
  readonly kind: EventKind;
  /** Seconds of the scene. */
  readonly t: number;
  readonly bboxes: readonly Box[];
  readonly incidentId: string;
}

export interface FoundEvent {
  readonly scene: string;
  readonly event: TrueEvent;
  /** Null: missed. */
  readonly alarm: Alarm | null;
}

export interface SceneScore {
  readonly scene: string;
  readonly seconds: number;
  readonly isQuiet: boolean;
  /** Visible ones. */
  readonly events: readonly FoundEvent[];
  readonly falseAlarms: readonly Alarm[];
}

export function scoreScene({ name, scene, truth }: Omit<DangerScene, 'frames'>, alarms: readonly Alarm[]): SceneScore {
  const tracks = new Map(truth.tracks.map((track) => [track.id, track]));
  const foundBy = new Map<TrueEvent, Alarm>();
  const falseAlarms: { first: Alarm; last: Alarm }[] = [];
  const isAt = (event: TrueEvent, { t, bboxes }: Alarm): boolean =>
    bboxes.length === 0 ||
    event.actors.some((id) => {
      const track = tracks.get(id);
      for (let back = 0; track !== undefined && back <= GONE_SECONDS + 1e-9; back += STATE_SECONDS) {
        const box = trueStateAt(track, t - back)?.[4] ?? null;
        if (box !== null) return bboxes.some((shown) => iou(shown, box) >= LEAST_IOU);
      }
      return false;
    });
  for (const alarm of alarms.toSorted((a, b) => a.t - b.t)) {
    const fitting = truth.events.filter(
      (event) =>
        event.kind === alarm.kind &&
        alarm.t >= event.start - EARLY_SECONDS &&
        alarm.t <= event.end + LATE_SECONDS &&
        isAt(event, alarm),
    );
    // Of several, it means the one that began last.
    const meant = fitting
      .filter((event) => event.visible && !foundBy.has(event))
      .toSorted((a, b) => b.start - a.start)[0];
    if (meant !== undefined) foundBy.set(meant, alarm);
    if (fitting.length > 0) continue;
    const same = falseAlarms.find(({ last }) => isRepeated(last, alarm));
    if (same === undefined) falseAlarms.push({ first: alarm, last: alarm });
    else same.last = alarm;
  }
  return {
    scene: name,
    seconds: scene.durationSeconds,
    isQuiet: name.includes('-quiet-'),
    events: truth.events
      .filter(({ visible }) => visible)
      .map((event) => ({ scene: name, event, alarm: foundBy.get(event) ?? null })),
    falseAlarms: falseAlarms.map(({ first }) => first),
  };
}

function isRepeated(earlier: Alarm, alarm: Alarm): boolean {
  if (earlier.kind !== alarm.kind || alarm.t - earlier.t > REPEAT_SECONDS) return false;
  if (earlier.bboxes.length === 0 || alarm.bboxes.length === 0) return true;
  return alarm.bboxes.some((one) => earlier.bboxes.some((other) => isNearby(one, other)));
}

const isNearby = (a: Box, b: Box): boolean =>
  Math.min(a[2], b[2]) - Math.max(a[0], b[0]) > -NEARBY_PX && Math.min(a[3], b[3]) - Math.max(a[1], b[1]) > -NEARBY_PX;

/** The value that a share `q` (0..1) of the values does not exceed; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

export interface AlarmFigures {
  readonly events: number;
  readonly found: number;
  /** 0..1; NaN without events. */
  readonly recall: number;
  readonly falseAlarms: number;
  readonly falsePerCameraHour: number;
  /** From the start of an event to its alarm, s. */
  readonly delayMedian: number;
  readonly delayP95: number;
  /** From the moment that met its definition, and from which it could be seen, s. */
  readonly sinceQualifiedMedian: number;
  readonly sinceQualifiedP95: number;
}

export function alarmFigures(scores: readonly SceneScore[], kinds: readonly EventKind[] = EVENT_KINDS): AlarmFigures {
  const events = scores.flatMap((score) => score.events.filter(({ event }) => kinds.includes(event.kind)));
  const found = events.flatMap(({ event, alarm }) => (alarm === null ? [] : [{ event, alarm }]));
  const falseAlarms = scores.flatMap((score) => score.falseAlarms.filter(({ kind }) => kinds.includes(kind)));
  const hours = scores.reduce((sum, { seconds }) => sum + seconds, 0) / 3_600;
  const delays = found.map(({ event, alarm }) => alarm.t - event.start);
  const sinceQualified = found.map(
    ({ event, alarm }) => alarm.t - Math.max(event.qualifiedAt, event.visibleFrom ?? event.qualifiedAt),
  );
  return {
    events: events.length,
    found: found.length,
    recall: found.length / events.length,
    falseAlarms: falseAlarms.length,
    falsePerCameraHour: falseAlarms.length / hours,
    delayMedian: quantile(delays, 0.5),
    delayP95: quantile(delays, 0.95),
    sinceQualifiedMedian: quantile(sinceQualified, 0.5),
    sinceQualifiedP95: quantile(sinceQualified, 0.95),
  };
}
