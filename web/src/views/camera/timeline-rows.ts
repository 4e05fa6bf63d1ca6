/** Alerts of a camera on an axis of time, by kind. Pure. */
import type { RiskLevel } from '../../../../src/messages/assessment.ts';
import { EVENT_KINDS, type EventKind } from '../../../../src/messages/scene-constants.ts';
import type { AlertRow } from '../../feed/messages.ts';

export interface TimelineMark {
  readonly alertId: string;
  /** Null: a group of road users, without an incident. */
  readonly kind: EventKind | null;
  readonly level: RiskLevel;
  /** ISO */
  readonly time: string;
  /** Place on the axis, 0 at its start and 1 at its end. */
  readonly at: number;
}

export interface TimelineRow {
  readonly kind: EventKind | null;
  /** Oldest first. */
  readonly marks: readonly TimelineMark[];
}

export interface Span {
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
}

type Alert = Pick<AlertRow, 'alertId' | 'timestamp' | 'level' | 'kinds'>;

/** Rows of the kinds that came, in the order of the API; alerts without an incident last. */
export function timelineRows(alerts: readonly Alert[], { from, to }: Span): TimelineRow[] {
  const marks = alerts
    .map((alert) => ({ alert, ms: Date.parse(alert.timestamp) }))
    .filter(({ ms }) => ms >= from && ms <= to)
    .toSorted((a, b) => a.ms - b.ms)
    .flatMap(({ alert: { alertId, timestamp, level, kinds }, ms }) =>
      (kinds.length === 0 ? [null] : kinds).map((kind): TimelineMark => ({
        alertId,
        kind,
        level,
        time: timestamp,
        at: (ms - from) / (to - from),
      })),
    );
  return [...EVENT_KINDS, null]
    .map((kind) => ({ kind, marks: marks.filter((mark) => mark.kind === kind) }))
    .filter((row) => row.marks.length > 0);
}

/** Whole steps of time within the span, epoch ms: at most 12. */
export function timelineTicks({ from, to }: Span): number[] {
  const minutes = [5, 10, 15, 30, 60, 120, 180, 360, 720].find((each) => (to - from) / (each * 60_000) <= 12) ?? 1_440;
  const step = minutes * 60_000;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, i) => first + i * step);
}

/** Place of a mark: its row, and its index in it. */
export interface Spot {
  readonly row: number;
  readonly index: number;
}

/** The mark that a key leads to; null for keys that lead nowhere. Up and down keep the time as far as they can. */
export function spotAfter(rows: readonly TimelineRow[], { row, index }: Spot, key: string): Spot | null {
  const marks = rows[row]?.marks ?? [];
  const last = Math.max(0, marks.length - 1);
  switch (key) {
    case 'ArrowLeft':
      return { row, index: Math.max(0, index - 1) };
    case 'ArrowRight':
      return { row, index: Math.min(last, index + 1) };
    case 'Home':
      return { row, index: 0 };
    case 'End':
      return { row, index: last };
    case 'ArrowUp':
    case 'ArrowDown': {
      const next = row + (key === 'ArrowUp' ? -1 : 1);
      const others = rows[next]?.marks;
      return others === undefined ? { row, index } : { row: next, index: nearest(others, marks[index]?.at ?? 1) };
    }
    default:
      return null;
  }
}

function nearest(marks: readonly TimelineMark[], at: number): number {
  let best = 0;
  for (const [index, mark] of marks.entries()) {
    if (Math.abs(mark.at - at) < Math.abs((marks[best]?.at ?? Infinity) - at)) best = index;
  }
  return best;
}
