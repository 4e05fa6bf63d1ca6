import type { EventThresholds } from '../messages/event-thresholds.ts';
import type { Scene } from '../scene/scene.types.ts';
import { contactOf } from './contact.ts';
import { encountersOf, isWellSeen, type Approach, type Crossing, type Encounter } from './encounters.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import { laneAt, onCarriageway } from './driven-places.ts';
import { momentAt, STEP_MS, type Moment, type Path } from './paths.ts';

type Limits = EventThresholds['near-miss-person'];

/** Whose footprints overlap in more moments did not miss each other; or the places are wrong. */
const MOST_OVERLAPS = 1;
/** While the incident is open its limits are so many times as wide. */
const TO_GO_ON = 1.2;
/** Nearer to the kerb than this a person waits to cross, m. */
const KERB_METRES = 0.2;
/** Paths of a person and a vehicle cross at least at this angle: who walks along the road meets nobody. */
const CROSSING_DEGREES = 30;

/** Slower than this, beside the error, a person lets the vehicle pass, m/s. */
const WAITING_SPEED = 0.5;

interface Meeting {
  readonly person: Path;
  readonly vehicle: Path;
  readonly close: readonly { approach: Approach; person: Moment; vehicle: Moment; needed: number }[];
  readonly crossing: Crossing | null;
}

/** v²/2d: the constant deceleration with which the vehicle would stop short of the person, m/s². */
const needed = (speed: number, distance: number): number => (speed * speed) / (2 * Math.max(distance, 0.1));

/** On the carriageway even where the place is off by its error, along the way of the person or across it. */
function isExposed(scene: Scene, { place: [x, y], heading, sd }: Moment): boolean {
  const [reach, angle] = [KERB_METRES + sd.place, heading ?? 0];
  return [0, 1, 2, 3].every((quarter) => {
    const direction = angle + (quarter * Math.PI) / 2;
    return onCarriageway(scene, [x + reach * Math.cos(direction), y + reach * Math.sin(direction)], 0);
  });
}

/** True when the person stood until the vehicle had passed, and only then set off: nobody came too near. */
function hasWaited({ first, leaves }: Crossing, person: Path): boolean {
  if (first === person.track) return false;
  const then = momentAt(person, Math.round(leaves.at / STEP_MS));
  return then !== null && then.speed < WAITING_SPEED + then.sd.speed;
}

function meetingOf(view: TrafficView, encounter: Encounter, limits: Limits, wider: number): Meeting | null {
  const { a, b } = encounter;
  const personFirst = a.track.kind === 'person';
  const [person, vehicle] = personFirst ? [a, b] : [b, a];
  if (person.track.kind !== 'person') return null;
  const exposed = (moment: Moment): boolean => isExposed(view.scene, moment);
  const close = encounter.approaches
    .map((approach) => {
      const [walker, driver] = personFirst ? [approach.a, approach.b] : [approach.b, approach.a];
      return { approach, person: walker, vehicle: driver, needed: needed(driver.speed, approach.gap) };
    })
    .filter(
      (one) =>
        one.approach.ttc > 0 &&
        isWellSeen(vehicle.track, one.approach.at, view.picture) &&
        isWellSeen(person.track, one.approach.at, view.picture) &&
        one.approach.ttc < limits.maxTtcSeconds * wider &&
        one.vehicle.speed * 3.6 * wider >= limits.minSpeedKmh &&
        one.needed * wider > limits.minNeededDecelerationMps2 &&
        exposed(one.person),
    );
  const crossing = encounter.crossing(CROSSING_DEGREES);
  const crossed =
    crossing !== null &&
    crossing.isClear &&
    crossing.isSeen &&
    crossing.pet < limits.maxPetSeconds * wider &&
    !hasWaited(crossing, person) &&
    (crossing.first === vehicle.track ? crossing.leaves : crossing.comes).speed * 3.6 >= limits.minSpeedKmh &&
    exposed(crossing.first === person.track ? crossing.leaves : crossing.comes);
  if (close.length === 0 && !crossed) return null;
  return { person, vehicle, close, crossing: crossed ? crossing : null };
}

function findingOf(view: TrafficView, encounter: Encounter, meeting: Meeting): Finding | null {
  const { person, vehicle, close, crossing } = meeting;
  const near = close.flatMap((one) => [one.person, one.vehicle]);
  const crossed = crossing === null ? [] : [crossing.leaves, crossing.comes];
  const moments = [...near, ...crossed].toSorted((p, q) => p.at - q.at);
  const [first, last] = [moments[0], moments.at(-1)];
  if (first === undefined || last === undefined) return null;
  const atOnset = moments.filter(({ at }) => at === first.at);
  return {
    kind: 'near-miss-person',
    trackIds: [vehicle.track.trackId, person.track.trackId],
    onset: first.at,
    endedAt: last.at < view.at - 1000 ? last.at : null,
    zone: laneAt(view.scene, first.place),
    evidence: {
      ttc: close.length === 0 ? null : Math.min(...close.map(({ approach }) => approach.ttc)),
      pet: crossing === null ? null : crossing.pet,
      distanceM: Number.isFinite(encounter.leastGap) ? encounter.leastGap : null,
      speedKmh: Math.max(...[...atOnset, ...crossed].map(({ speed }) => speed)) * 3.6,
      neededDecelerationMps2: close.length === 0 ? null : Math.max(...close.map((one) => one.needed)),
    },
    severity: 'high',
  };
}

/**
 * `near-miss-person`: a vehicle of at least `minSpeedKmh` and a person on the carriageway, with a time to collision
 * (Hayward 1972) under `maxTtcSeconds` and a deceleration needed to stop short of the person (v²/2d, the DRAC of
 * Almqvist et al. 1991) above `minNeededDecelerationMps2`; or with a post-encroachment time (Allen et al. 1978) under
 * `maxPetSeconds`.
 */
export const findNearMissesOfPersons: EventFinder = (view) => {
  const limits = view.thresholds['near-miss-person'];
  if (!limits.enabled) return [];
  return encountersOf(view).flatMap((encounter) => {
    if (encounter.overlaps > MOST_OVERLAPS) return [];
    const ids = [encounter.a.track.trackId, encounter.b.track.trackId];
    const wider = view.isOpen('near-miss-person', ids) ? TO_GO_ON : 1;
    const meeting = meetingOf(view, encounter, limits, wider);
    if (meeting === null || contactOf(view, encounter, limits.minSpeedKmh / 3.6) !== null) return [];
    return findingOf(view, encounter, meeting) ?? [];
  });
};
