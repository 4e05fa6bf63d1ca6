import { z } from 'zod';
import { CameraId, IsoTime, RequestId } from './ids.ts';
import { EVENT_KINDS } from './scene-constants.ts';

/** Bounds of one alarm's message. */
export const MOST_IN_ALARM = {
  /** Members named, the most serious first; `count` says how many there are. */
  members: 50,
  /** Cameras named; `cameras` says how many there are. */
  cameras: 50,
} as const;

/** Name of an alarm: its reason's first letter, `-`, and the name of its first member. */
export const AlarmId = z.string().regex(/^[isf]-[A-Za-z0-9_-]{1,100}$/, 'must be the alarmId of an alarm');
export type AlarmId = z.infer<typeof AlarmId>;

export const AlarmLevel = z.enum(['medium', 'high']);
export type AlarmLevel = z.infer<typeof AlarmLevel>;

/**
 * Why an alarm is one: a single incident; a source (a camera, or one kind of event of it) that chatters; or more
 * incidents than an operator can be called to.
 */
export const ALARM_REASONS = ['incident', 'source', 'flood'] as const;
export const AlarmReason = z.enum(ALARM_REASONS);
export type AlarmReason = z.infer<typeof AlarmReason>;

/** An incident, or an alert about a group, in an alarm. */
export const AlarmMember = z.object({
  alertId: RequestId,
  incidentId: z.string().nullable(),
  cameraId: CameraId,
  kind: z.enum(EVENT_KINDS).nullable(),
  level: AlarmLevel,
  at: IsoTime,
});
export type AlarmMember = z.infer<typeof AlarmMember>;

/** A call to an operator: one or more incidents that are looked at together. */
export const Alarm = z.object({
  alarmId: AlarmId,
  reason: AlarmReason,
  openedAt: IsoTime,
  updatedAt: IsoTime,
  /** The highest of its members. */
  level: AlarmLevel,
  cameraIds: z.array(CameraId).max(MOST_IN_ALARM.cameras),
  /** Cameras in all. */
  cameras: z.int().min(0),
  kinds: z.array(z.enum(EVENT_KINDS)),
  /** Members in all. */
  count: z.int().min(0),
  /** Members of the last half hour come first; within each part, the most serious and trustworthy. */
  members: z.array(AlarmMember).max(MOST_IN_ALARM.members),
  /** `acknowledged`: every member is. `closed`: that, and nothing more is to come. */
  state: z.enum(['open', 'acknowledged', 'closed']),
});
export type Alarm = z.infer<typeof Alarm>;

const Count = z.int().min(0);
const Rates = z.object({ mean: z.number().min(0), worst: Count });
const FloodSpan = z.object({ from: IsoTime, to: IsoTime, alarms: Count });
const SourceName = { cameraId: CameraId, kind: z.enum(EVENT_KINDS).nullable() };

/** The numbers of ISA-18.2 and EEMUA 191 for one scope, over a span. */
export const AlarmLoad = z.object({
  from: IsoTime,
  to: IsoTime,
  /** Calls to the operator. */
  alarms: Count,
  perDay: z.number().min(0),
  per10Minutes: Rates.extend({ series: z.array(z.tuple([IsoTime, Count])) }),
  /** Part of the time in flood: from more than 10 calls in ten minutes until fewer than 5. */
  floodShare: z.number().min(0).max(1),
  floods: z.array(FloodSpan),
  /** The same of incidents, before the guard folds them. */
  incidents: z.object({
    count: Count,
    perDay: z.number().min(0),
    per10Minutes: Rates,
    floodShare: z.number().min(0).max(1),
    floods: z.array(FloodSpan),
  }),
  /** Sources with three or more incidents in a minute, the worst first. */
  chattering: z.array(z.object({ ...SourceName, incidents: Count, worstPerMinute: Count })),
  /** Alarms open for more than a day that nobody acknowledged. */
  stale: z.array(z.object({ alarmId: AlarmId, openedAt: IsoTime, level: AlarmLevel, cameraIds: z.array(CameraId) })),
  /** The ten sources with most incidents, and their share of all incidents. */
  worst: z.array(z.object({ ...SourceName, alarms: Count, share: z.number().min(0).max(1) })),
  bars: z.object({ perDay: z.number(), per10Minutes: z.number(), floodShare: z.number() }),
});
export type AlarmLoad = z.infer<typeof AlarmLoad>;
