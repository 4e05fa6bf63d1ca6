import type { EventThresholds } from '../messages/event-thresholds.ts';
import { hardestBraking, type Braking } from './braking.ts';
import { contactOf } from './contact.ts';
import { encountersOf, type Approach, type Crossing, type Encounter } from './encounters.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { laneAt } from './driven-places.ts';
import type { Moment } from './paths.ts';

type Limits = EventThresholds['near-miss'];

/** While the incident is open its limits are so many times as wide. */
const TO_GO_ON = 1.2;
/** A time to collision or PET under this is severe, s. */
const SEVERE_SECONDS = 0.75;
/** How sure it must be that one of the two braked. */
const SURE = 0.7;
/** Whose footprints overlap in more moments did not miss each other; or the places are wrong. */
const MOST_OVERLAPS = 1;
/** A miss is over when it was not near for so long; it is told after the longer time anyway, ms. */
const SETTLED_MS = 300;
const LONG_MS = 1500;
/** A shorter PET than this is a contact, or an error of the places, s. */
const LEAST_PET = 0.15;
/** Braking counts so long before and after it was fitted, ms. */
const BRAKING_SLACK_MS = 200;

interface CloseApproach {
  readonly approaches: readonly Approach[];
  readonly braking: Braking;
}

/** The approaches in which the time to collision is too short while one of the two brakes. */
function closeApproach(
  view: TrafficView,
  { a, b, approaches }: Encounter,
  limits: Limits,
  wider: number,
): CloseApproach | null {
  const close = approaches.filter(
    ({ ttc, relativeSpeed }) =>
      ttc > 0 && ttc < limits.maxTtcSeconds * wider && relativeSpeed * 3.6 * wider >= limits.minRelativeSpeedKmh,
  );
  if (close.length === 0) return null;
  for (const { track } of [a, b]) {
    const braking = hardestBraking(track, view, limits.minDecelerationMps2);
    if (braking === null || braking.probability * wider < SURE) continue;
    const within = close.filter(
      ({ at }) => at >= braking.from - BRAKING_SLACK_MS && at <= braking.to + BRAKING_SLACK_MS,
    );
    // While it goes on it may still become a collision.
    if (view.at - (within.at(-1)?.at ?? view.at) < SETTLED_MS && view.at - (within[0]?.at ?? 0) < LONG_MS) continue;
    if (within.length > 0) return { approaches: within, braking };
  }
  return null;
}

/** The two were at one spot in so short a time, as far as can be seen, but not at once. */
const isMiss = (crossing: Crossing | null, maxPet: number): boolean =>
  crossing !== null && crossing.isClear && crossing.isSeen && crossing.pet >= LEAST_PET && crossing.pet < maxPet;

/** The moments of a close approach and of a crossing, the onset first. */
function momentsOf(close: CloseApproach | null, crossing: Crossing | null): readonly [Moment, ...Moment[]] | null {
  const near = (close?.approaches ?? []).flatMap(({ a, b }) => [a, b]);
  const crossed = crossing === null ? [] : [crossing.leaves, crossing.comes];
  const [first, ...others] = [...near, ...crossed].toSorted((p, q) => p.at - q.at);
  return first === undefined ? null : [first, ...others];
}

function findingOf(
  view: TrafficView,
  encounter: Encounter,
  close: CloseApproach | null,
  crossing: Crossing | null,
): Finding | null {
  const moments = momentsOf(close, crossing);
  if (moments === null) return null;
  const ttc = close === null ? null : Math.min(...close.approaches.map((approach) => approach.ttc));
  const pet = crossing === null ? null : crossing.pet;
  const [first] = moments;
  const over = Math.max(...moments.map(({ at }) => at));
  const atOnset = moments.filter(({ at }) => at === first.at);
  return {
    kind: 'near-miss',
    trackIds: [encounter.a.track.trackId, encounter.b.track.trackId],
    onset: first.at,
    endedAt: over < view.at - 1000 ? over : null,
    zone: laneAt(view.scene, first.place),
    evidence: {
      ttc,
      pet,
      distanceM: Number.isFinite(encounter.leastGap) ? encounter.leastGap : null,
      speedKmh: Math.max(...atOnset.map(({ speed }) => speed)) * 3.6,
      decelerationMps2: close === null ? null : close.braking.deceleration,
    },
    severity: Math.min(ttc ?? Infinity, pet ?? Infinity) < SEVERE_SECONDS ? 'high' : 'medium',
  };
}

/**
 * `near-miss` of two vehicles: time to collision (Hayward 1972; footprints swept at constant velocity) under
 * `maxTtcSeconds` at a relative speed of at least `minRelativeSpeedKmh` while one of them brakes by at least
 * `minDecelerationMps2`; or paths that cross at `minCrossingDegrees` or more with a post-encroachment time (Allen et
 * al. 1978) under `maxPetSeconds`. The limits are those of FHWA's Surrogate Safety Assessment Model (2008) and
 * Hydén's conflict technique (1987), with the braking that shows an evasion.
 */
export const findNearMisses: EventFinder = (view) => {
  const limits = view.thresholds['near-miss'];
  if (!limits.enabled) return [];
  return encountersOf(view).flatMap((encounter) => {
    const { a, b } = encounter;
    if (a.track.kind === 'person' || b.track.kind === 'person' || encounter.overlaps > MOST_OVERLAPS) return [];
    if (contactOf(view, encounter, limits.minRelativeSpeedKmh / 3.6) !== null) return [];
    const wider = view.isOpen('near-miss', [a.track.trackId, b.track.trackId]) ? TO_GO_ON : 1;
    const crossing = encounter.crossing(limits.minCrossingDegrees);
    const crossed = isMiss(crossing, limits.maxPetSeconds * wider) ? crossing : null;
    const finding = findingOf(view, encounter, closeApproach(view, encounter, limits, wider), crossed);
    return finding === null ? [] : [finding];
  });
};
