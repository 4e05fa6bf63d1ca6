import { MOST_NODE_ALERTS, type Silence, type SystemAlert } from '../messages/monitoring.ts';
import type { AlertRule } from './alert-rules.ts';
import { evaluate, type Measure, type Reading, type Samples, type Totals, totalsOf } from './measure.ts';

/** Alerts that one rule follows at a time; readings of further things are counted, and followed later. */
export const MOST_SERIES = 50;
/** Moments kept of one measure: a window of an hour at a tick each five seconds. */
const MOST_MOMENTS = 800;

interface Moment {
  readonly at: number;
  readonly totals: Totals;
}

interface Followed {
  readonly labels: Readonly<Record<string, string>>;
  readonly since: number;
  firedAt: number | null;
  /** Since when it is well again; null while it is not. */
  wellSince: number | null;
  value: number;
}

/** Alerts and readings after a tick. */
export interface Evaluation {
  readonly alerts: readonly SystemAlert[];
  /** The worst reading of each rule; rules without one are left out. */
  readonly values: ReadonlyMap<string, number>;
  /** Readings that were left out at {@link MOST_SERIES}, by rule. */
  readonly dropped: ReadonlyMap<string, number>;
}

/**
 * Follows each rule for each thing that it is about: pending once its reading is on the wrong side of the threshold,
 * firing after `forSeconds`, clearing once it is at or beyond the clear threshold, over after `clearSeconds`. A thing
 * without a reading, such as a removed camera, counts as well. Pure: each tick takes its time, epoch ms.
 */
export class AlertEngine {
  readonly #nodeId: string;
  readonly #moments = new Map<Measure, Moment[]>();
  /** By rule, then by labels. */
  readonly #followed = new Map<string, Map<string, Followed>>();

  constructor(nodeId: string) {
    this.#nodeId = nodeId;
  }

  tick(now: number, samples: Samples, rules: readonly AlertRule[], silences: readonly Silence[]): Evaluation {
    const measures = new Map(rules.map(({ measure }) => [measure, this.#read(measure, samples, now)]));
    for (const measure of this.#moments.keys()) if (!measures.has(measure)) this.#moments.delete(measure);
    const names = new Set(rules.map(({ name }) => name));
    for (const name of this.#followed.keys()) if (!names.has(name)) this.#followed.delete(name);
    const alerts: SystemAlert[] = [];
    const values = new Map<string, number>();
    const dropped = new Map<string, number>();
    for (const rule of rules) {
      const readings = measures.get(rule.measure) ?? [];
      const worst = worstOf(rule, readings);
      if (worst !== null) values.set(rule.name, worst);
      const left = this.#follow(rule, readings, now);
      if (left > 0) dropped.set(rule.name, left);
      for (const one of this.#followed.get(rule.name)?.values() ?? [])
        alerts.push(this.#alertOf(rule, one, silences, now));
    }
    return { alerts: mostUrgent(alerts), values, dropped };
  }

  /** Readings over the measure's window, or over the time since the first tick while that is shorter. */
  #read(measure: Measure, samples: Samples, now: number): readonly Reading[] {
    const totals = totalsOf(measure, samples);
    if (measure.kind === 'gauge' || measure.kind === 'scrape') return evaluate(measure, null, totals);
    let moments = this.#moments.get(measure);
    if (moments === undefined) this.#moments.set(measure, (moments = []));
    const from = now - measure.windowSeconds * 1_000;
    // The newest one at or before the window's beginning stays.
    const keep = moments.findLastIndex(({ at }) => at <= from);
    moments.splice(0, Math.max(keep, moments.length - MOST_MOMENTS, 0));
    const readings = evaluate(measure, moments[0]?.totals ?? null, totals);
    moments.push({ at: now, totals });
    return readings;
  }

  /** Returns how many things went without following, for want of room. */
  #follow(rule: AlertRule, readings: readonly Reading[], now: number): number {
    let followed = this.#followed.get(rule.name);
    if (followed === undefined) this.#followed.set(rule.name, (followed = new Map()));
    const seen = new Set<string>();
    let left = 0;
    for (const { labels, value } of readings) {
      const key = JSON.stringify(labels);
      seen.add(key);
      const known = followed.get(key);
      if (known !== undefined) {
        known.value = value;
        if (!move(rule, known, sideOf(rule, value), now)) followed.delete(key);
      } else if (sideOf(rule, value) === 'bad') {
        if (followed.size >= MOST_SERIES) {
          left += 1;
          continue;
        }
        const one = { labels, since: now, firedAt: null, wellSince: null, value };
        move(rule, one, 'bad', now);
        followed.set(key, one);
      }
    }
    for (const [key, one] of followed) if (!seen.has(key) && !move(rule, one, 'well', now)) followed.delete(key);
    return left;
  }

  #alertOf(rule: AlertRule, one: Followed, silences: readonly Silence[], now: number): SystemAlert {
    const cameraId = one.labels['camera_id'] ?? null;
    const silence = silenceOf(rule.name, cameraId, silences, now);
    return {
      rule: rule.name,
      severity: rule.severity,
      state: one.firedAt === null ? 'pending' : one.wellSince === null ? 'firing' : 'clearing',
      since: new Date(one.since).toISOString(),
      firedAt: one.firedAt === null ? null : new Date(one.firedAt).toISOString(),
      value: one.value,
      threshold: rule.threshold,
      unit: rule.unit,
      labels: one.labels,
      cameraId,
      node: this.#nodeId,
      shared: rule.measure.kind === 'gauge' && rule.measure.shared,
      silencedUntil: silence?.until ?? null,
    };
  }
}

/** `between`: neither on the wrong side of the threshold nor well by the clear threshold. */
type Side = 'bad' | 'between' | 'well';

function sideOf({ comparison, threshold, clearThreshold }: AlertRule, value: number): Side {
  const sign = comparison === 'above' ? 1 : -1;
  if (sign * value > sign * threshold) return 'bad';
  return sign * value <= sign * clearThreshold ? 'well' : 'between';
}

/** Moves an alert on; false: it is over, or never fired. */
function move(rule: AlertRule, one: Followed, side: Side, now: number): boolean {
  if (one.firedAt === null) {
    if (side !== 'bad') return false;
    if (now - one.since >= rule.forSeconds * 1_000) one.firedAt = now;
    return true;
  }
  if (side !== 'well') {
    one.wellSince = null;
    return true;
  }
  one.wellSince ??= now;
  return now - one.wellSince < rule.clearSeconds * 1_000;
}

/** The silence that holds for an alert the longest; null: it is announced. */
export function silenceOf(
  rule: string,
  cameraId: string | null,
  silences: readonly Silence[],
  now: number,
): Silence | null {
  const holding = silences.filter(
    (silence) =>
      silence.rule === rule &&
      (silence.cameraId === null || silence.cameraId === cameraId) &&
      Date.parse(silence.until) > now,
  );
  return holding.reduce<Silence | null>(
    (longest, one) => (longest === null || Date.parse(one.until) > Date.parse(longest.until) ? one : longest),
    null,
  );
}

/** Of one thing, the same at every node for shared ones. */
export const alertKey = ({ rule, labels, node, shared }: SystemAlert): string =>
  JSON.stringify([rule, Object.entries(labels).toSorted(([a], [b]) => a.localeCompare(b)), shared ? null : node]);

export const isAnnounced = ({ state, silencedUntil }: SystemAlert): boolean =>
  state !== 'pending' && silencedUntil === null;

function worstOf({ comparison }: AlertRule, readings: readonly Reading[]): number | null {
  const values = readings.map(({ value }) => value);
  if (values.length === 0) return null;
  return values.reduce((worst, value) => (comparison === 'above' ? Math.max(worst, value) : Math.min(worst, value)));
}

/** At most as many as a node may tell: firing before pending, critical before warnings, the oldest first. */
const mostUrgent = (alerts: readonly SystemAlert[]): readonly SystemAlert[] =>
  alerts
    .toSorted(
      (a, b) =>
        Number(a.state === 'pending') - Number(b.state === 'pending') ||
        Number(a.severity === 'warning') - Number(b.severity === 'warning') ||
        a.since.localeCompare(b.since),
    )
    .slice(0, MOST_NODE_ALERTS);
