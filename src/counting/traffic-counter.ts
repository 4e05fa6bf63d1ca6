import type { CountedBin } from '../messages/counted-bin.ts';
import type { Metres, Scene, SceneLine } from '../scene/scene.types.ts';
import { LOOK_BACK_SECONDS, type RoadTrack, type TrackPoint } from '../tracking/tracking.types.ts';
import { CountedTrack } from './counted-track.ts';
import type { CountedFrame, Passing, TrafficCounter } from './counting.types.ts';
import { Gate, type Moment } from './counted-gate.ts';
import { LaneArea } from './lane-area.ts';
import { type CountedParts, OpenBins } from './open-bins.ts';
import { longestQueue, type QueuedVehicle } from './queue-length.ts';
import { LOST_MS, predecessorOf, replaces } from './same-road-user.ts';

/** Look-backs reach so far, and their pictures come a moment later. */
export const SETTLED_SECONDS = LOOK_BACK_SECONDS + 3;
/** A lost road user is waited for, too. */
export const BIN_DELAY_SECONDS = SETTLED_SECONDS + LOST_MS / 1_000 + 1;

const SETTLED_MS = SETTLED_SECONDS * 1_000;
const BIN_DELAY_MS = BIN_DELAY_SECONDS * 1_000;
/** Tracks in hand: those that are seen, and the lost ones of the last 20 s. */
const MOST_TRACKS = 1_000;
/** A clock that was set back by more has begun anew. */
const SET_BACK_MS = 60_000;
/** Queues are measured at most so often. */
const QUEUE_EVERY_MS = 1_000;
/** A track without a moment for so long is not in a queue. */
const IN_QUEUE_MS = 5_000;
const LEAST_LINE_METRES = 0.5;

interface CountedLine {
  readonly lineId: string;
  readonly gate: Gate;
  /** In the picture, looking from the line's first point to its second. */
  readonly isLeftPositive: boolean;
}

/** The scene's lines and lanes on the road. */
interface Places {
  readonly lines: readonly CountedLine[];
  readonly lanes: readonly LaneArea[];
  readonly parts: CountedParts;
}

const NO_PLACES: Places = {
  lines: [],
  lanes: [],
  parts: { lineIds: [], laneIds: [], notOnRoad: [], calibrated: true },
};

function placesOf({ plane, lines: allLines, zones }: Scene): Places {
  const allLanes = zones.filter(({ kind }) => kind === 'lane');
  const lines = allLines.flatMap((line) => countedLine(line, plane) ?? []);
  const lanes = allLanes.flatMap((zone) => LaneArea.of(zone, plane) ?? []);
  const lineIds = lines.map(({ lineId }) => lineId);
  const laneIds = lanes.map(({ laneId }) => laneId);
  const notOnRoad = [
    ...allLines.map(({ id }) => id).filter((id) => !lineIds.includes(id)),
    ...allLanes.map(({ id }) => id).filter((id) => !laneIds.includes(id)),
  ];
  return { lines, lanes, parts: { lineIds, laneIds, notOnRoad, calibrated: plane.calibrated } };
}

function countedLine({ id, points }: SceneLine, plane: Scene['plane']): CountedLine | null {
  const [a, b] = [plane.toRoad(points[0]), plane.toRoad(points[1])];
  if (a === null || b === null) return null;
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  if (length < LEAST_LINE_METRES) return null;
  // The operator's frame on the road may be mirrored: what is left is what the picture shows on the left.
  const aside: Metres = [(a[0] + b[0] - (b[1] - a[1]) / length) / 2, (a[1] + b[1] + (b[0] - a[0]) / length) / 2];
  const pixel = plane.toImage(aside);
  const [[ax, ay], [bx, by]] = points;
  const isLeftPositive = pixel === null || (bx - ax) * (pixel[1] - ay) - (by - ay) * (pixel[0] - ax) < 0;
  return { lineId: id, gate: new Gate(a, b), isLeftPositive };
}

export const createTrafficCounter = (): TrafficCounter => new Counter();

class Counter implements TrafficCounter {
  #scene: Scene | null = null;
  #places = NO_PLACES;
  readonly #bins = new OpenBins(NO_PLACES.parts);
  /** By track id, in the order in which they came. */
  readonly #tracks = new Map<number, CountedTrack>();
  /** Tracks whose road user is counted to the end, or has another track. The tracker may find one again. */
  readonly #done = new Map<number, CountedTrack>();
  #newestAt: number | null = null;
  #queuesAt = -Infinity;

  observe({ tracks, at, scene }: CountedFrame): readonly CountedBin[] {
    const isAnew = this.#newestAt !== null && at < this.#newestAt - SET_BACK_MS;
    const rest = isAnew ? this.finish() : [];
    const before = this.#newestAt;
    const now = Math.max(at, before ?? at);
    this.#newestAt = now;
    this.#follow(tracks, now);
    if (scene !== this.#scene) this.#use(scene);
    this.#bins.observed(now);
    if (this.#places.lines.length === 0 && this.#places.lanes.length === 0) {
      this.#tracks.clear();
      this.#done.clear();
      return [...rest, ...this.#bins.finish(now - BIN_DELAY_MS)];
    }
    // A picture of a look-back: nothing more is settled.
    if (now === before) return rest;
    this.#count(now - SETTLED_MS);
    return [...rest, ...this.#bins.finish(now - BIN_DELAY_MS)];
  }

  finish(): readonly CountedBin[] {
    this.#count(Infinity);
    for (const track of this.#tracks.values()) this.#countToEnd(track);
    this.#done.clear();
    this.#newestAt = null;
    this.#queuesAt = -Infinity;
    return this.#bins.finish(Infinity);
  }

  #use(scene: Scene): void {
    const before = this.#places;
    // Their places are those of the earlier scene.
    for (const track of this.#tracks.values()) if (!track.isPresent) this.#countToEnd(track);
    this.#scene = scene;
    this.#places = placesOf(scene);
    this.#bins.setParts(this.#places.parts);
    const lanes = new Map(this.#places.lanes.map((lane) => [lane.laneId, lane]));
    const gates = new Map(gatesOf(this.#places));
    for (const track of this.#tracks.values()) {
      const { so } = track;
      track.placeAgain();
      so.lane = so.lane === null ? null : (lanes.get(so.lane.laneId) ?? null);
      so.entering = null;
      // The side on which it is stays the same.
      for (const [name, old] of gatesOf(before)) {
        const [watch, gate] = [so.gates.get(old), gates.get(name)];
        so.gates.delete(old);
        if (watch !== undefined && gate !== undefined) so.gates.set(gate, watch);
      }
    }
  }

  #follow(tracks: readonly RoadTrack[], now: number): void {
    const present = new Set(tracks.map(({ trackId }) => trackId));
    for (const track of tracks) {
      const known = this.#tracks.get(track.trackId) ?? this.#done.get(track.trackId);
      if (known === undefined && this.#tracks.size >= MOST_TRACKS) {
        this.#bins.leftOut(now);
        continue;
      }
      const counted = known ?? new CountedTrack(track);
      counted.track = track;
      counted.isPresent = true;
      this.#done.delete(track.trackId);
      this.#tracks.set(track.trackId, counted);
    }
    for (const [trackId, gone] of this.#tracks) {
      if (!gone.isPresent || present.has(trackId)) continue;
      gone.isPresent = false;
      const successor = tracks.find((each) => this.#isUncounted(each.trackId) && replaces(each, gone.track));
      const next = successor === undefined ? undefined : this.#tracks.get(successor.trackId);
      if (next !== undefined) this.#hand(gone, next);
    }
  }

  #isUncounted(trackId: number): boolean {
    return this.#tracks.get(trackId)?.so.last === null;
  }

  #hand(from: CountedTrack, to: CountedTrack): void {
    to.so = from.so;
    from.so = { last: from.so.last, gates: new Map(), lane: null, entering: null };
    this.#retire(from);
  }

  #retire(track: CountedTrack): void {
    const { trackId } = track.track;
    this.#tracks.delete(trackId);
    this.#done.set(trackId, track);
    for (const oldest of this.#done.keys()) {
      if (this.#done.size <= MOST_TRACKS) break;
      this.#done.delete(oldest);
    }
  }

  #count(until: number): void {
    const lost: CountedTrack[] = [];
    for (const track of this.#tracks.values()) {
      const points = track.uncounted(until);
      const before = points.length > 0 && track.so.last === null ? predecessorOf(track, lost) : null;
      if (before !== null) {
        lost.splice(lost.indexOf(before), 1);
        this.#hand(before, track);
      }
      for (const point of points) this.#step(track, point);
      if (track.seenAt <= until) lost.push(track);
    }
    for (const track of lost) if (!track.isPresent && track.seenAt <= until - LOST_MS) this.#countToEnd(track);
    this.#measureQueues(until);
  }

  #countToEnd(track: CountedTrack): void {
    for (const point of track.uncounted(Infinity)) this.#step(track, point);
    for (const line of this.#places.lines) this.#crossed(line, track, track.passAtEnd(line.gate));
    for (const lane of this.#places.lanes) this.#passed(lane, track.passAtEnd(lane.middle));
    this.#retire(track);
  }

  #step(track: CountedTrack, to: TrackPoint): void {
    for (const line of this.#places.lines) this.#crossed(line, track, track.pass(line.gate, to));
    if (track.track.kind !== 'person') this.#stepInLanes(track, to);
    track.so.last = to;
  }

  #stepInLanes(track: CountedTrack, to: TrackPoint): void {
    const { lanes } = this.#places;
    const { last } = track.so;
    for (const lane of lanes) {
      this.#passed(lane, track.pass(lane.middle, to));
      const share = last === null ? null : lane.overLoop(last.place, to.place, track.track.size.length);
      if (last === null || share === null) continue;
      const ms = to.at - last.at;
      this.#bins.occupied(lane.laneId, last.at + share[0] * ms, last.at + share[1] * ms);
    }
    const change = track.changeLane(lanes, to);
    if (change !== null) this.#bins.moved(change.from, change.to, change.at, track.track.class);
    if (last !== null && track.so.lane !== null) this.#travelled(track.so.lane, last, to);
  }

  #travelled(lane: LaneArea, from: Moment, to: TrackPoint): void {
    const half: Metres = [(from.place[0] + to.place[0]) / 2, (from.place[1] + to.place[1]) / 2];
    if (!lane.takes({ place: half, velocity: to.velocity })) return;
    const metres = Math.hypot(to.place[0] - from.place[0], to.place[1] - from.place[1]);
    this.#bins.travelled(lane.laneId, to.at, metres, (to.at - from.at) / 1_000);
  }

  #crossed({ lineId, isLeftPositive }: CountedLine, { track }: CountedTrack, passing: Passing | null): void {
    if (passing === null) return;
    const direction = passing.forward === isLeftPositive ? 'right-to-left' : 'left-to-right';
    this.#bins.crossed(lineId, passing.at, direction, track.class);
  }

  #passed(lane: LaneArea, passing: Passing | null): void {
    if (passing !== null && lane.isForward(passing.forward))
      this.#bins.passedMiddle(lane.laneId, passing.at, passing.speed);
  }

  #measureQueues(at: number): void {
    if (!Number.isFinite(at) || at - this.#queuesAt < QUEUE_EVERY_MS) return;
    this.#queuesAt = at;
    const byLane = new Map<LaneArea, QueuedVehicle[]>();
    for (const { so, track, seenAt } of this.#tracks.values()) {
      const { lane, last } = so;
      if (lane === null || last === null || seenAt < at || at - last.at > IN_QUEUE_MS || !lane.takes(last)) continue;
      const vehicles = byLane.get(lane) ?? [];
      const vehicle = {
        position: lane.position(last.place),
        length: track.size.length,
        speed: Math.hypot(...last.velocity),
      };
      byLane.set(lane, [...vehicles, vehicle]);
    }
    for (const [lane, vehicles] of byLane) {
      const { vehicles: count, metres } = longestQueue(vehicles);
      if (count > 0) this.#bins.queued(lane.laneId, at, count, metres);
    }
  }
}

/** Each with a name that it keeps when the plane changes. */
const gatesOf = ({ lines, lanes }: Places): readonly (readonly [string, Gate])[] => [
  ...lines.map(({ lineId, gate }) => [`line ${lineId}`, gate] as const),
  ...lanes.map(({ laneId, middle }) => [`lane ${laneId}`, middle] as const),
];
