import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack, TrackPoint, UserKind } from '../tracking/tracking.types.ts';
import type { Passing } from './counting.types.ts';

/** How far past the line a road user must get, in m: farther than its place may be wrong. */
const LEAST_MARGIN: Readonly<Record<UserKind, number>> = { person: 0.5, 'two-wheeler': 0.7, vehicle: 1 };
const MOST_MARGIN = 3;
/** Standard deviations of its place that the margin spans. */
const MARGIN_SDS = 2;
/** One that was last seen on the line has crossed it when it went on at this speed, m/s. */
const GOING_ON = 0.5;
/** Passings of the last seconds, to find the same one twice. */
const REMEMBERED_MS = 5_000;
const MOST_REMEMBERED = 64;
/** Of a body's length and width: two road users can't pass the line closer to each other. */
const LENGTH_SHARE = 0.7;
const WIDTH_SHARE = 0.8;
const LONGEST_SAME_MS = 2_000;
/** When one passed unseen is known less well. */
const UNSEEN_SAME_MS = 1_500;
/** One that moves at this speed, m/s, is taken to have gone on as it was seen for so many seconds. */
const UNSEEN = { speed: 4, seconds: 1.5 };

/** A segment on the road. The offset from it is positive on the left of the way from `a` to `b`. */
export class Gate {
  readonly #a: Metres;
  readonly #along: Metres;
  readonly #length: number;
  readonly #recent: (Passing & { readonly trackId: number })[] = [];

  constructor(a: Metres, b: Metres) {
    this.#a = a;
    this.#length = Math.hypot(b[0] - a[0], b[1] - a[1]);
    this.#along = [(b[0] - a[0]) / this.#length, (b[1] - a[1]) / this.#length];
  }

  /** Signed distance in m from the straight line through the segment. */
  offset([x, y]: Metres): number {
    return this.#along[0] * (y - this.#a[1]) - this.#along[1] * (x - this.#a[0]);
  }

  /** Whether the place is beside the segment, not beyond one of its ends. */
  isBeside([x, y]: Metres): boolean {
    const along = this.#along[0] * (x - this.#a[0]) + this.#along[1] * (y - this.#a[1]);
    return along >= 0 && along <= this.#length;
  }

  /** m/s towards the positive side. */
  speedAcross([x, y]: Metres): number {
    return this.#along[0] * y - this.#along[1] * x;
  }

  /** False for a passing that another track of the same road user has made: two bodies would have been in one place. */
  isNew(passing: Passing, { trackId, size }: Pick<RoadTrack, 'trackId' | 'size'>): boolean {
    const recent = this.#recent;
    while (recent.length > MOST_REMEMBERED || (recent[0]?.at ?? Infinity) < passing.at - REMEMBERED_MS) recent.shift();
    const isSame = (other: (typeof recent)[number]): boolean => {
      const seconds = Math.abs(other.at - passing.at) / 1_000;
      const isClose =
        other.isUnseen || passing.isUnseen
          ? seconds * 1_000 <= UNSEEN_SAME_MS
          : seconds * 1_000 <= LONGEST_SAME_MS && seconds * passing.speed < LENGTH_SHARE * size.length;
      const apart = Math.hypot(other.place[0] - passing.place[0], other.place[1] - passing.place[1]);
      return (
        other.forward === passing.forward && other.trackId !== trackId && isClose && apart < WIDTH_SHARE * size.width
      );
    };
    if (recent.some(isSame)) return false;
    recent.push({ ...passing, trackId });
    return true;
  }
}

/** A moment of a track that was used. */
export interface Moment {
  readonly at: number;
  readonly place: Metres;
  readonly velocity: Metres;
}

/**
 * One track's way over one gate. It has passed when its path crossed the segment and went on to the other side by a
 * margin: one that trembles on the line hasn't.
 */
export class GateWatch {
  /** Where it was for certain, or at first: the sign of the offset. */
  #forward: boolean | null = null;
  #offset = 0;
  /** Whether it was there by the margin. */
  #wasClear = false;
  /** Its newest way over the line. */
  #flip: (Passing & { readonly isBeside: boolean }) | null = null;

  /** @param from the moment before; null for the first */
  step(gate: Gate, kind: UserKind, from: Moment | null, to: TrackPoint): Passing | null {
    const offset = gate.offset(to.place);
    const before = this.#offset;
    this.#offset = offset;
    const isFirst = this.#forward === null || from === null;
    if (isFirst) this.#forward = offset >= 0;
    else if (before >= 0 !== offset >= 0) this.#flip = flipOf(gate, from, to, before / (before - offset));
    const margin = Math.min(MOST_MARGIN, Math.max(LEAST_MARGIN[kind], MARGIN_SDS * to.sd.place));
    if (Math.abs(offset) < margin) return null;
    const flip = this.#flip;
    this.#flip = null;
    this.#wasClear = true;
    if (this.#forward === offset >= 0) return null;
    this.#forward = offset >= 0;
    return flip?.isBeside === true ? flip : null;
  }

  /** The track has ended: it may have been seen last on the line, or before it, on its way to the other side. */
  end(gate: Gate, last: Moment): Passing | null {
    const flip = this.#flip;
    this.#flip = null;
    if (flip === null || this.#forward === null || flip.forward === this.#forward) return unseen(gate, last, 1);
    this.#forward = flip.forward;
    const speed = gate.speedAcross(last.velocity) * (flip.forward ? 1 : -1);
    return this.#wasClear && flip.isBeside && speed >= GOING_ON ? flip : null;
  }
}

function flipOf(gate: Gate, from: Moment, to: Moment, share: number): Passing & { readonly isBeside: boolean } {
  const mix = (a: number, b: number): number => a + share * (b - a);
  const place: Metres = [mix(from.place[0], to.place[0]), mix(from.place[1], to.place[1])];
  return {
    at: mix(from.at, to.at),
    place,
    speed: mix(Math.hypot(...from.velocity), Math.hypot(...to.velocity)),
    forward: gate.offset(to.place) >= 0,
    isUnseen: false,
    isBeside: gate.isBeside(place),
  };
}

/**
 * A track began behind the line, or ended before it (`way` -1 and 1), at speed: nobody begins in the middle of the
 * picture, so its road user was missed there. Null when it was too slow or too far away.
 */
export function unseen(gate: Gate, { at, place, velocity }: Moment, way: 1 | -1): Passing | null {
  const offset = gate.offset(place);
  const across = gate.speedAcross(velocity);
  const seconds = (-offset / across) * way;
  if (Math.abs(across) < UNSEEN.speed || seconds < 0 || seconds > UNSEEN.seconds) return null;
  const there: Metres = [place[0] + velocity[0] * seconds * way, place[1] + velocity[1] * seconds * way];
  if (!gate.isBeside(there)) return null;
  const speed = Math.hypot(...velocity);
  return { at: at + way * seconds * 1_000, place: there, speed, forward: across > 0, isUnseen: true };
}
