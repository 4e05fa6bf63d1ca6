import type { AlarmLoad } from '../messages/alarm.ts';
import type { CameraId } from '../messages/ids.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { TEN_MINUTES_MS } from './announcements.ts';

/** Bars of ISA-18.2 and EEMUA 191 for one operator. */
export const LOAD_BARS = { perDay: 150, per10Minutes: 10, floodShare: 0.01 } as const;

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A flood begins above the first and ends below the second; alarms in ten minutes. */
const FLOOD = { above: 10, below: 5 };
const CHATTERS_PER_MINUTE = 3;
/** Entries of each list. */
const MOST_LISTED = { worst: 10, chattering: 20, floods: 100 };

/** One incident, at the time when its alert was made. */
export interface LoadIncident {
  readonly at: number;
  readonly cameraId: CameraId;
  readonly kind: EventKind | null;
}

export interface LoadInput {
  /** Epoch ms; `to` is not included. */
  readonly from: number;
  readonly to: number;
  /** Times of the calls to the operator, oldest first. */
  readonly calls: readonly number[];
  /** Oldest first. */
  readonly incidents: readonly LoadIncident[];
  readonly stale: AlarmLoad['stale'];
}

/** The load of one scope's operators over a span. Pure; linear in the number of incidents. */
export function alarmLoad({ from, to, calls, incidents, stale }: LoadInput): AlarmLoad {
  const within = (at: number): boolean => at >= from && at < to;
  const told = figuresOf(calls.filter(within), from, to);
  const seen = incidents.filter(({ at }) => within(at));
  const raw = figuresOf(
    seen.map(({ at }) => at),
    from,
    to,
  );
  const bySource = [...Map.groupBy(seen, ({ cameraId, kind }) => `${cameraId} ${kind ?? ''}`).values()];
  return {
    from: timeOf(from),
    to: timeOf(to),
    alarms: told.count,
    perDay: told.perDay,
    per10Minutes: { ...told.per10Minutes, series: seriesOf(calls.filter(within), from, to) },
    floodShare: told.floodShare,
    floods: told.floods,
    incidents: raw,
    chattering: chatteringOf(bySource),
    stale,
    worst: worstOf(bySource, seen.length),
    bars: LOAD_BARS,
  };
}

function figuresOf(times: readonly number[], from: number, to: number): AlarmLoad['incidents'] {
  const spanMs = Math.max(1, to - from);
  const floods = floodsOf(times, to);
  const inFlood = floods.reduce((sum, flood) => sum + flood.to - flood.from, 0);
  return {
    count: times.length,
    perDay: (times.length / spanMs) * DAY_MS,
    per10Minutes: {
      mean: (times.length / spanMs) * TEN_MINUTES_MS,
      worst: mostWithin(times, TEN_MINUTES_MS),
    },
    floodShare: Math.min(1, inFlood / spanMs),
    floods: floods
      .slice(-MOST_LISTED.floods)
      .map((flood) => ({ from: timeOf(flood.from), to: timeOf(flood.to), alarms: flood.alarms })),
  };
}

/** Most of the times, sorted, in any span of that length. */
function mostWithin(times: readonly number[], spanMs: number): number {
  let most = 0;
  let first = 0;
  for (const [index, at] of times.entries()) {
    while ((times[first] ?? at) <= at - spanMs) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

interface Flood {
  readonly from: number;
  to: number;
  alarms: number;
}

/** Spans from the alarm that made more than ten in ten minutes until fewer than five are in the last ten. */
function floodsOf(times: readonly number[], to: number): readonly Flood[] {
  const floods: Flood[] = [];
  let open: Flood | null = null;
  let first = 0;
  for (const [index, at] of times.entries()) {
    // Before this alarm, the older ones have left the ten minutes one after the other.
    for (let left = times[first]; left !== undefined && left <= at - TEN_MINUTES_MS; left = times[first]) {
      first += 1;
      if (open === null || index - first >= FLOOD.below) continue;
      open.to = left + TEN_MINUTES_MS;
      open = null;
    }
    const count = index - first + 1;
    if (open !== null) open.alarms += 1;
    else if (count > FLOOD.above) {
      open = { from: at, to, alarms: count };
      floods.push(open);
    }
  }
  const last = times.at(-FLOOD.below);
  if (open !== null && last !== undefined) open.to = Math.min(to, last + TEN_MINUTES_MS);
  return floods;
}

/** Calls in each ten minutes of the clock, those without any included. */
function seriesOf(times: readonly number[], from: number, to: number): [string, number][] {
  const start = Math.floor(from / TEN_MINUTES_MS);
  const bins = Array.from({ length: Math.max(0, Math.ceil(to / TEN_MINUTES_MS) - start) }, () => 0);
  for (const at of times) {
    const bin = Math.floor(at / TEN_MINUTES_MS) - start;
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  return bins.map((count, index) => [timeOf((start + index) * TEN_MINUTES_MS), count]);
}

function chatteringOf(bySource: readonly (readonly LoadIncident[])[]): AlarmLoad['chattering'] {
  return bySource
    .flatMap((incidents) => {
      const [first] = incidents;
      const worstPerMinute = mostWithin(
        incidents.map(({ at }) => at),
        MINUTE_MS,
      );
      if (first === undefined || worstPerMinute < CHATTERS_PER_MINUTE) return [];
      return [{ cameraId: first.cameraId, kind: first.kind, incidents: incidents.length, worstPerMinute }];
    })
    .toSorted((a, b) => b.incidents - a.incidents)
    .slice(0, MOST_LISTED.chattering);
}

function worstOf(bySource: readonly (readonly LoadIncident[])[], all: number): AlarmLoad['worst'] {
  return bySource
    .toSorted((a, b) => b.length - a.length)
    .slice(0, MOST_LISTED.worst)
    .flatMap((incidents) => {
      const [first] = incidents;
      if (first === undefined) return [];
      return [{ cameraId: first.cameraId, kind: first.kind, alarms: incidents.length, share: incidents.length / all }];
    });
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
