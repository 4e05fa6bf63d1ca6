import type { Box } from '../messages/detection.ts';
import type { Metres, RoadPlane } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { EventFinder, Finding, TrafficView } from './events.types.ts';
import {
  degreesBetween,
  isMotor,
  KMH,
  nearest,
  relativeTo,
  shifted,
  speedOf,
  unit,
  wasElsewhere,
  zonesOf,
} from './places.ts';

/** A queue is looked for at moments so far apart, ms, back to the oldest that histories tell of. */
const STEP_MS = 2_500;
/** A vehicle's point of a moment is its nearest, so far off at most, ms. */
const NEAR_MS = 1_600;
/** Vehicles of one lane: so far to the side of each other, m, and headings so far apart. */
const SAME_LANE_METRES = 1.9;
const SAME_WAY_DEGREES = 30;
/** Queues side by side are one approach's: so near, m. */
const BESIDE_METRES = 8;
/** A vehicle is on a lane with so much doubt, m. */
const LANE_MARGIN_METRES = 0.5;
/** Of those in a queue, so many were seen to move: a row of parked cars was not. */
const LEAST_MOVED_SHARE = 0.5;
/** Between two that stand there is room for one more for each so many m, beside so many. */
const ROOM_METRES = 7;
const SPARE_METRES = 2;
/** For so many that are seen one may be taken to be hidden; over so many m more than the widest gap. */
const SEEN_PER_HIDDEN = 4;
const HIDDEN_METRES = 10;
/** While open: so many vehicles fewer, and so many times the speed. */
const HYSTERESIS_VEHICLES = 1;
const HYSTERESIS_SPEED = 2;

/** A vehicle at one moment. */
interface Member {
  readonly track: RoadTrack;
  readonly place: Metres;
  readonly direction: Metres;
  /** Null: it was not seen just then. */
  readonly box: Box | null;
}

/**
 * Vehicles one behind the other in a lane, `minVehicles` or more, each slower than `maxSpeedKmh` and with less than
 * `maxGapMetres` to the next, for `minSeconds` or longer. Lanes side by side are one queue. Evidence: vehicles, length
 * (m, of the longest lane). A vehicle that is hidden by the next, where there is room for it, counts. Source: Highway
 * Capacity Manual, 6th edition, on queued vehicles (below 5 mph), here in km/h.
 */
export const findQueues: EventFinder = (view) => {
  const limits = view.thresholds.queue;
  if (!limits.enabled) return [];
  const vehicles = view.tracks.filter((track) => isMotor(track) && track.confirmed);
  const now = approaches(queuesAt(view.at, vehicles, view));
  return now.flatMap((queues) => {
    const ids = queues.flat().map(({ track }) => track.trackId);
    const isOpen = view.isOpen('queue', ids);
    const least = limits.minVehicles - (isOpen ? HYSTERESIS_VEHICLES : 0);
    const long = queues.filter((queue) => countOf(queue, view) >= least && hasMoved(queue));
    if (long.length === 0) return [];
    const onset = onsetOf(long, least, vehicles, view);
    if (view.at - onset < limits.minSeconds * 1_000) return [];
    return findingOf(long, onset, view);
  });
};

function findingOf(queues: readonly (readonly Member[])[], onset: number, view: TrafficView): Finding {
  const longest = queues.toSorted((a, b) => b.length - a.length);
  const [head] = longest[0] ?? [];
  const members = longest.flat();
  return {
    kind: 'queue',
    trackIds: members.map(({ track }) => track.trackId),
    onset,
    endedAt: null,
    zone: head === undefined ? null : (view.scene.zonesAt(head.place, 'lane')[0]?.id ?? null),
    evidence: { vehicles: members.length, lengthM: Math.max(...queues.map(lengthOf)) },
    severity: 'low',
  };
}

/** The oldest moment since when one of the lanes was a queue all the time. */
function onsetOf(
  queues: readonly (readonly Member[])[],
  least: number,
  vehicles: readonly RoadTrack[],
  view: TrafficView,
): number {
  const ids = new Set(queues.flat().map(({ track }) => track.trackId));
  let onset = view.at;
  for (let at = view.at - STEP_MS; ; at -= STEP_MS) {
    const before = queuesAt(at, vehicles, view).filter((queue) => queue.some(({ track }) => ids.has(track.trackId)));
    if (!before.some((queue) => countOf(queue, view) >= least)) return onset;
    onset = at;
    if (view.at - at > 60_000) return onset;
  }
}

/** Chains of slow vehicles, the first ahead. */
function queuesAt(at: number, vehicles: readonly RoadTrack[], view: TrafficView): readonly (readonly Member[])[] {
  const slow = vehicles.flatMap((track) => memberAt(track, at, view) ?? []);
  const next = new Map<Member, Member>();
  const followers = new Map<Member, Member>();
  for (const member of slow) {
    const leader = leaderOf(member, slow, view);
    // The nearer of two followers counts.
    if (leader === null) continue;
    const other = followers.get(leader);
    if (other !== undefined && gap(other, leader) <= gap(member, leader)) continue;
    if (other !== undefined) next.delete(other);
    next.set(member, leader);
    followers.set(leader, member);
  }
  return slow
    .filter((member) => !next.has(member))
    .map((head) => {
      const queue = [head];
      for (
        let last = followers.get(head);
        last !== undefined && queue.length <= slow.length;
        last = followers.get(last)
      )
        queue.push(last);
      return queue;
    });
}

function memberAt(track: RoadTrack, at: number, view: TrafficView): Member | null {
  const point = pointAt(track.history, at);
  if (point === null) return null;
  const { maxSpeedKmh } = view.thresholds.queue;
  const most = (maxSpeedKmh / KMH) * (view.isOpen('queue', [track.trackId]) ? HYSTERESIS_SPEED : 1);
  if (speedOf(point) > most + point.sd.speed) return null;
  const lanes = zonesOf(view.scene, 'lane');
  const under = view.scene.zonesAt(point.place, 'lane');
  if (lanes.length > 0 && under.length === 0 && nearest(lanes, point.place) > LANE_MARGIN_METRES) return null;
  const ofLane = under.find((zone) => zone.direction !== null)?.direction ?? null;
  // The heading of one that stands is not to be trusted, since its place wanders.
  const direction = ofLane ?? (track.heading === null ? null : unit(track.heading));
  if (direction === null) return null;
  return { track, place: point.place, direction, box: point.box };
}

/** Bumper to bumper, m. */
const gap = (behind: Member, ahead: Member): number =>
  relativeTo(behind.place, behind.direction, ahead.place).ahead -
  (behind.track.size.length + ahead.track.size.length) / 2;

function leaderOf(member: Member, others: readonly Member[], view: TrafficView): Member | null {
  let best: Member | null = null;
  const { maxGapMetres } = view.thresholds.queue;
  let least = maxGapMetres + HIDDEN_METRES;
  for (const other of others) {
    if (other === member) continue;
    const { ahead, left } = relativeTo(member.place, member.direction, other.place);
    if (ahead <= 0 || Math.abs(left) > SAME_LANE_METRES) continue;
    if ((degreesBetween(member.direction, other.direction) ?? 180) > SAME_WAY_DEGREES) continue;
    const metres = gap(member, other);
    if (metres >= least) continue;
    least = metres;
    best = other;
  }
  return best === null || least < maxGapMetres || hiddenBetween(member, best, view.scene.plane) > 0 ? best : null;
}

/** Vehicles of a queue, with those that its others hide. */
function countOf(queue: readonly Member[], { scene }: TrafficView): number {
  let hidden = 0;
  for (const [i, ahead] of queue.entries()) {
    const behind = queue[i + 1];
    if (behind !== undefined) hidden += hiddenBetween(behind, ahead, scene.plane);
  }
  return queue.length + Math.min(hidden, Math.floor(queue.length / SEEN_PER_HIDDEN));
}

/** Vehicles for which there is room between two, when the boxes of these hide all of it; otherwise 0. */
function hiddenBetween(behind: Member, ahead: Member, plane: RoadPlane): number {
  const room = gap(behind, ahead);
  const count = Math.floor((room - SPARE_METRES) / ROOM_METRES);
  for (let i = 0; i < count; i++) {
    const metres = behind.track.size.length / 2 + (room * (i + 0.5)) / count;
    const pixel = plane.toImage(shifted(behind.place, behind.direction, metres));
    if (pixel === null || ![behind, ahead].some(({ box }) => box !== null && isWithin(pixel, box))) return 0;
  }
  return Math.max(0, count);
}

const isWithin = ([x, y]: readonly [number, number], [x1, y1, x2, y2]: Box): boolean =>
  x > x1 && x < x2 && y > y1 && y < y2;

/** Queues that stand side by side in one direction, together. */
function approaches(queues: readonly (readonly Member[])[]): readonly (readonly (readonly Member[])[])[] {
  const groups: (readonly Member[])[][] = [];
  for (const queue of queues) {
    const beside = groups.filter((group) => group.some((other) => isBeside(queue, other)));
    const joined = [queue, ...beside.flat()];
    for (const group of beside) groups.splice(groups.indexOf(group), 1);
    groups.push(joined);
  }
  return groups;
}

const isBeside = (a: readonly Member[], b: readonly Member[]): boolean =>
  a.some((one) =>
    b.some((other) => {
      if ((degreesBetween(one.direction, other.direction) ?? 180) > SAME_WAY_DEGREES) return false;
      const { ahead, left } = relativeTo(one.place, one.direction, other.place);
      return Math.abs(left) <= BESIDE_METRES && Math.abs(ahead) <= BESIDE_METRES;
    }),
  );

const lengthOf = (queue: readonly Member[]): number => {
  const [head, tail] = [queue[0], queue.at(-1)];
  if (head === undefined || tail === undefined || head === tail) return head?.track.size.length ?? 0;
  const { ahead } = relativeTo(tail.place, tail.direction, head.place);
  return ahead + (head.track.size.length + tail.track.size.length) / 2;
};

const hasMoved = (queue: readonly Member[]): boolean =>
  queue.filter(({ track, place }) => wasElsewhere(track, place)).length >= LEAST_MOVED_SHARE * queue.length;

function pointAt(history: readonly TrackPoint[], at: number): TrackPoint | null {
  let best: TrackPoint | null = null;
  for (const point of history) {
    if (Math.abs(point.at - at) <= NEAR_MS && (best === null || Math.abs(point.at - at) < Math.abs(best.at - at)))
      best = point;
  }
  return best;
}
