import type { AlarmReason } from '../messages/alarm.ts';
import type { OpenAlarm } from './open-alarm.ts';

/** Bounds of one guard's memory: the oldest are forgotten, and counted. */
export interface GuardLimits {
  readonly members: number;
  readonly alarms: number;
}

/** Totals since the start. */
export interface GuardFigures {
  /** Alarms opened, by reason. */
  readonly opened: Readonly<Record<AlarmReason, number>>;
  /** Calls to the operator. */
  readonly announced: number;
  /** Incidents that made no alarm of their own, by the alarm that took them. */
  readonly folded: Readonly<Record<AlarmReason, number>>;
  /** Incidents that left a flood alarm for one of their own, once they were confirmed. */
  readonly promoted: number;
  /** Members and alarms forgotten at a bound, or by age. */
  readonly forgotten: number;
}

/** An alarm that was opened or changed. */
export interface AlarmChange {
  readonly alarm: OpenAlarm;
  /** The operator is to be called. */
  readonly announce: boolean;
}

/** How people handled an alert. */
export interface Handled {
  readonly acknowledged: boolean;
  /** Null while nobody has said. */
  readonly isFalse: boolean | null;
}
