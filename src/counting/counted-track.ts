import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { Passing } from './counting.types.ts';
import { type Gate, GateWatch, type Moment, unseen } from './counted-gate.ts';
import type { LaneArea } from './lane-area.ts';

/** How far into another lane a vehicle must have got to be in it, m. */
const LANE_MARGIN_METRES = 2;

/** Where a track was counted so far. Its successor goes on with it, when the track was lost. */
export interface CountedSoFar {
  last: Moment | null;
  readonly gates: Map<Gate, GateWatch>;
  /** The lane that it was in last. */
  lane: LaneArea | null;
  /** Another lane that it has got into, and where. */
  entering: { readonly lane: LaneArea; readonly at: number; readonly place: Metres } | null;
}

/** One with fewer detections tells too little of where it came from and went. */
const LEAST_HITS = 3;

/** A track and how far its history was counted. */
export class CountedTrack {
  track: RoadTrack;
  /** False once the tracker has dropped it. */
  isPresent = true;
  so: CountedSoFar = { last: null, gates: new Map(), lane: null, entering: null };

  constructor(track: RoadTrack) {
    this.track = track;
  }

  /** When it was seen last: places after that are only predicted. */
  get seenAt(): number {
    return this.track.seenAt;
  }

  /** Moments that were not counted yet, up to `until`. A rider is counted as the two-wheeler. */
  uncounted(until: number): readonly TrackPoint[] {
    const { confirmed, isRider, seenAt } = this.track;
    if (!confirmed || isRider) return [];
    const { history } = this.track;
    const after = this.so.last?.at ?? -Infinity;
    const end = Math.min(until, seenAt);
    // The newest moments are the uncounted ones.
    let first = history.length;
    while (first > 0 && (history[first - 1]?.at ?? after) > after) first -= 1;
    let last = first;
    while (last < history.length && (history[last]?.at ?? Infinity) <= end) last += 1;
    return history.slice(first, last);
  }

  /** The plane has changed: the last counted moment as its history now has it. */
  placeAgain(): void {
    const { last } = this.so;
    if (last === null) return;
    const { history } = this.track;
    this.so.last = history.findLast(({ at }) => at <= last.at) ?? history[0] ?? last;
  }

  pass(gate: Gate, to: TrackPoint): Passing | null {
    const watch = this.so.gates.get(gate) ?? new GateWatch();
    this.so.gates.set(gate, watch);
    const { last } = this.so;
    const passed = watch.step(gate, this.track.kind, last, to);
    const passing = last === null && this.track.hits >= LEAST_HITS ? unseen(gate, to, -1) : passed;
    return passing !== null && gate.isNew(passing, this.track) ? passing : null;
  }

  /** A passing at the end of the track. */
  passAtEnd(gate: Gate): Passing | null {
    const { last, gates } = this.so;
    const passing = last === null ? null : (gates.get(gate)?.end(gate, last) ?? null);
    if (passing?.isUnseen === true && this.track.hits < LEAST_HITS) return null;
    return passing !== null && gate.isNew(passing, this.track) ? passing : null;
  }

  /** The lanes that it went from and to with this moment, when these are not beside each other. */
  changeLane(
    lanes: readonly LaneArea[],
    to: TrackPoint,
  ): { readonly from: string; readonly to: string; at: number } | null {
    const { so } = this;
    if (so.lane?.takes(to) === true) {
      so.entering = null;
      return null;
    }
    const lane = lanes.find((each) => each.takes(to));
    if (lane === undefined) return null;
    if (so.entering?.lane !== lane) so.entering = { lane, at: to.at, place: to.place };
    const { entering, lane: before } = so;
    const [x, y] = entering.place;
    if (before !== null && Math.hypot(to.place[0] - x, to.place[1] - y) < LANE_MARGIN_METRES) return null;
    so.lane = lane;
    so.entering = null;
    return before === null || before.isBeside(lane) ? null : { from: before.laneId, to: lane.laneId, at: entering.at };
  }
}
