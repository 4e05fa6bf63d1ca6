import type { EventThresholds } from '../messages/event-thresholds.ts';
import type { Metres } from '../scene/scene.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { laneAt } from './driven-places.ts';
import { looksWithin, momentAt, near, pathOf, STEP_MS, type Moment, type Path } from './paths.ts';

type Limits = EventThresholds['tailgating'];

/** While the incident is open its limits are so many times as wide. */
const TO_GO_ON = 1.15;
/** Two in one lane: headings and places differ by no more. */
const SAME_DIRECTION = Math.cos((15 * Math.PI) / 180);
const BESIDE_METRES = 1.5;
/** A condition that fails for no longer goes on, ms. */
const BREATH_MS = 500;
/** A headway under this is severe, s. */
const SEVERE_SECONDS = 0.5;
/** Nobody follows at less: it is one vehicle with two boxes, m. */
const LEAST_GAP = 0.5;

/** Pictures in which each is seen meanwhile, at least. */
const LEAST_LOOKS = 4;

interface Following {
  readonly at: number;
  /** From the bumper in front to the one behind, s at the speed of the one behind. */
  readonly headway: number;
  readonly gap: number;
  readonly speed: number;
}

const minus = (a: Metres, b: Metres): Metres => [a[0] - b[0], a[1] - b[1]];

/** `behind` follows `ahead` in its lane at this moment; null: it doesn't. */
function following(behind: Path, ahead: Path, p: Moment, q: Moment): Following | null {
  if (p.speed < 1 || q.speed < 1) return null;
  const forward: Metres = [p.velocity[0] / p.speed, p.velocity[1] / p.speed];
  if ((forward[0] * q.velocity[0] + forward[1] * q.velocity[1]) / q.speed < SAME_DIRECTION) return null;
  const apart = minus(q.place, p.place);
  const along = apart[0] * forward[0] + apart[1] * forward[1];
  const beside = Math.abs(apart[1] * forward[0] - apart[0] * forward[1]);
  const gap = along - (behind.track.size.length + ahead.track.size.length) / 2;
  if (along <= 0 || beside > BESIDE_METRES || gap < LEAST_GAP) return null;
  return { at: p.at, headway: gap / p.speed, gap, speed: p.speed };
}

/** The longest time up to the newest of it in which the one behind was too near; empty without one. */
function run(behind: Path, ahead: Path, limits: Limits, wider: number): Following[] {
  let best: Following[] = [];
  let now: Following[] = [];
  for (let step = Math.max(behind.from, ahead.from); step < Math.min(behind.to, ahead.to); step++) {
    const [p, q] = [momentAt(behind, step), momentAt(ahead, step)];
    const one = p === null || q === null ? null : following(behind, ahead, p, q);
    if (one === null || one.headway > limits.maxHeadwaySeconds * wider || one.speed * 3.6 * wider < limits.minSpeedKmh)
      continue;
    if (one.at - (now.at(-1)?.at ?? one.at) > BREATH_MS) now = [];
    now.push(one);
    if (now.length >= best.length) best = now;
  }
  return best;
}

function findingOf(view: TrafficView, behind: Path, ahead: Path, limits: Limits, wider: number): Finding | null {
  const close = run(behind, ahead, limits, wider);
  const [first, last] = [close[0], close.at(-1)];
  if (first === undefined || last === undefined) return null;
  if (last.at - first.at + STEP_MS <= (limits.minSeconds * 1000) / wider) return null;
  if (![behind, ahead].every(({ track }) => looksWithin(track, first.at - STEP_MS, last.at + STEP_MS) >= LEAST_LOOKS))
    return null;
  const headway = Math.min(...close.map((one) => one.headway));
  const place = momentAt(behind, last.at / STEP_MS)?.place;
  return {
    kind: 'tailgating',
    trackIds: [behind.track.trackId, ahead.track.trackId],
    onset: first.at,
    endedAt: last.at < view.at - 1000 ? last.at : null,
    zone: place === undefined ? null : laneAt(view.scene, place),
    evidence: {
      headwayS: headway,
      distanceM: Math.min(...close.map(({ gap }) => gap)),
      speedKmh: first.speed * 3.6,
    },
    severity: headway < SEVERE_SECONDS ? 'medium' : 'low',
  };
}

/**
 * `tailgating`: a vehicle follows another in its lane with a headway (from bumper to bumper, at its speed) under
 * `maxHeadwaySeconds` at more than `minSpeedKmh` for more than `minSeconds`. Safe are 2 s; under 0.9 s drivers are
 * fined in several countries (e.g. Vogel 2003, A comparison of headway and time to collision as safety indicators).
 */
export const findTailgating: EventFinder = (view) => {
  const limits = view.thresholds.tailgating;
  if (!limits.enabled) return [];
  const paths = view.tracks
    .filter(({ kind, confirmed }) => kind !== 'person' && confirmed)
    .map((track) => pathOf(track));
  const findings: Finding[] = [];
  for (const behind of paths) {
    if (behind.topSpeed * 3.6 * TO_GO_ON < limits.minSpeedKmh) continue;
    for (const ahead of paths) {
      if (ahead === behind || !near(behind, ahead, behind.track.size.length + ahead.track.size.length)) continue;
      const ids = [behind.track.trackId, ahead.track.trackId];
      const finding = findingOf(view, behind, ahead, limits, view.isOpen('tailgating', ids) ? TO_GO_ON : 1);
      if (finding !== null) findings.push(finding);
    }
  }
  return findings;
};
