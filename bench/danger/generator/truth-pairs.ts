/** Events of two road users, and queues, by their definitions, from the trajectories. */
import { overlaps, timeToCollision } from '../../../src/scene/footprint.ts';
import type { TrueState } from '../scene-folder.ts';
import { placeOf, type RecordedTrack, shapeOf, stateOf, velocityOf } from './truth-records.ts';
import { runsOf } from './truth-runs.ts';
import { decelerationAt, FPS, type Ground, type TrueHappening } from './truth-singles.ts';

const KMH = 3.6;
/** Definitions, in s, m/s, m/s², radians, m. */
const TTC = 1.5;
const PET = 1;
const RELATIVE_SPEED = 3;
const BRAKING = 4;
const CROSSING = Math.PI / 6;
const NEEDED_BRAKING = 3.4;
const HEADWAY = 0.7;
const TAILGATING_SPEED = 40 / KMH;
/** Pairs further apart than this are in no conflict, m. */
const NEAR = 32;
/** A TTC or PET event lasts so many frames after its last moment. */
const AFTER_FRAMES = 5;

type Pair = readonly [RecordedTrack, RecordedTrack];

/** All road users of each frame. */
export function framesOfTracks(
  tracks: readonly RecordedTrack[],
  frames: number,
): readonly (readonly RecordedTrack[])[] {
  const present = Array.from({ length: frames }, (): RecordedTrack[] => []);
  for (const track of tracks) {
    if (track.riderOf !== null || track.parked) continue;
    for (const index of track.states.keys()) present[track.first + index]?.push(track);
  }
  return present;
}

/** The interaction of a pair, by frame. */
interface Encounter {
  readonly pair: Pair;
  readonly overlapping: number[];
  /** Frames with a dangerous time to collision, and the values. */
  readonly ttc: Map<number, number>;
  readonly braked: Set<number>;
  /** Frames at which the first leaves, by the least PET. */
  pet: { readonly value: number; readonly leaves: number; readonly enters: number } | null;
  readonly close: number[];
}

export function pairEvents(present: readonly (readonly RecordedTrack[])[], ground: Ground): readonly TrueHappening[] {
  const encounters = new Map<string, Encounter>();
  for (const [frame, tracks] of present.entries()) {
    for (const [index, one] of tracks.entries()) {
      for (const other of tracks.slice(index + 1)) meet(encounters, [one, other], frame, ground);
    }
  }
  return [...encounters.values()].flatMap(eventsOf);
}

function meet(encounters: Map<string, Encounter>, pair: Pair, frame: number, ground: Ground): void {
  const [one, other] = pair;
  if (one.class === 'person' && other.class === 'person') return;
  const [a, b] = [stateOf(one, frame), stateOf(other, frame)];
  if (a === undefined || b === undefined) return;
  if (Math.abs(a[0] - b[0]) > NEAR || Math.abs(a[1] - b[1]) > NEAR || (a[2] < 0.3 && b[2] < 0.3)) return;
  const key = `${one.id} ${other.id}`;
  const encounter = encounters.get(key) ?? {
    pair,
    overlapping: [],
    ttc: new Map<number, number>(),
    braked: new Set<number>(),
    pet: null,
    close: [],
  };
  if (note(encounter, a, b, frame, ground)) encounters.set(key, encounter);
}

/** True when something was noted. */
function note(encounter: Encounter, a: TrueState, b: TrueState, frame: number, ground: Ground): boolean {
  const [one, other] = encounter.pair;
  const [aShape, bShape] = [shapeOf(one, a), shapeOf(other, b)];
  const isPerson = one.class === 'person' || other.class === 'person';
  let noted = false;
  const isApart = Math.hypot(a[0] - b[0], a[1] - b[1]) > (one.length + other.length) / 2 + 1;
  if (!isApart && overlaps(aShape, bShape)) {
    encounter.overlapping.push(frame);
    noted = true;
  }
  const relative = Math.hypot(...difference(velocityOf(a), velocityOf(b)));
  const ttc = relative < 1 ? null : timeToCollision(aShape, velocityOf(a), bShape, velocityOf(b));
  if (ttc !== null && ttc < TTC && isDangerous(encounter.pair, [a, b], ttc, relative, ground)) {
    encounter.ttc.set(frame, ttc);
    noted = true;
  }
  if (Math.max(decelerationAt(one, frame), decelerationAt(other, frame)) >= BRAKING) encounter.braked.add(frame);
  if (!isPerson && headwayOf(a, one, b, other) < HEADWAY) {
    encounter.close.push(frame);
    noted = true;
  }
  return encroach(encounter, frame, ground) || noted;
}

const difference = (a: readonly [number, number], b: readonly [number, number]): [number, number] => [
  a[0] - b[0],
  a[1] - b[1],
];

function isDangerous(
  [one, other]: Pair,
  [a, b]: readonly [TrueState, TrueState],
  ttc: number,
  relative: number,
  ground: Ground,
): boolean {
  if (one.class !== 'person' && other.class !== 'person') return relative >= RELATIVE_SPEED;
  const [person, vehicle] = one.class === 'person' ? [a, b] : [b, a];
  if (vehicle[2] < RELATIVE_SPEED || !ground.isOnCarriageway(placeOf(person))) return false;
  return (vehicle[2] * vehicle[2]) / (2 * Math.max(0.1, vehicle[2] * ttc)) > NEEDED_BRAKING;
}

/** Post-encroachment time (Allen et al. 1978): one is where the other will be less than a second later. */
function encroach(encounter: Encounter, frame: number, ground: Ground): boolean {
  const [one, other] = encounter.pair;
  let noted = false;
  for (const [first, second] of [
    [one, other],
    [other, one],
  ] as const) {
    const before = stateOf(first, frame);
    const now = stateOf(second, frame);
    if (before === undefined || now === undefined || now[2] < 0.5 || before[2] < 0.3) continue;
    const reach = now[2] * PET + (first.length + second.length) / 2 + 2;
    if (Math.hypot(before[0] - now[0], before[1] - now[1]) > reach || !crosses(before, now)) continue;
    const shape = shapeOf(first, before);
    for (let later = 1; later < PET * FPS; later += 1) {
      const then = stateOf(second, frame + later);
      if (then === undefined || !overlaps(shape, shapeOf(second, then))) continue;
      const value = later / FPS;
      if (!countsAsEncroached(encounter.pair, first === one ? [before, then] : [then, before], ground)) break;
      noted = true;
      if (encounter.pet === null || value < encounter.pet.value) {
        encounter.pet = { value, leaves: frame, enters: frame + later };
      }
      break;
    }
  }
  return noted;
}

/** Of a person only on the carriageway, and only with a vehicle that moves. */
function countsAsEncroached([one, other]: Pair, [a, b]: readonly [TrueState, TrueState], ground: Ground): boolean {
  if (one.class === 'person') return b[2] >= RELATIVE_SPEED && ground.isOnCarriageway(placeOf(a));
  if (other.class === 'person') return a[2] >= RELATIVE_SPEED && ground.isOnCarriageway(placeOf(b));
  return true;
}

function crosses(a: TrueState, b: TrueState): boolean {
  const turn = Math.abs(a[3] - b[3]) % Math.PI;
  return Math.min(turn, Math.PI - turn) >= CROSSING;
}

/** Of the one behind, s; without end where none is behind the other in a lane, or it is slow. */
function headwayOf(a: TrueState, one: RecordedTrack, b: TrueState, other: RecordedTrack): number {
  if (Math.cos(a[3] - b[3]) < 0.95) return Infinity;
  const [c, s] = [Math.cos(a[3]), Math.sin(a[3])];
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  if (Math.abs(dy * c - dx * s) > 1.5) return Infinity;
  const along = dx * c + dy * s;
  const behind = along > 0 ? a : b;
  if (behind[2] <= TAILGATING_SPEED) return Infinity;
  return (Math.abs(along) - (one.length + other.length) / 2) / behind[2];
}

function eventsOf(encounter: Encounter): readonly TrueHappening[] {
  const { pair, overlapping, ttc, braked, pet, close } = encounter;
  const actors = pair.map(({ id }) => id);
  const isPerson = pair.some(({ class: kind }) => kind === 'person');
  const found: TrueHappening[] = [];
  const [collision] = runsOf(overlapping, 1, 20);
  if (collision !== undefined) found.push({ kind: 'collision', actors, run: collision, waits: 0, severity: {} });
  for (const run of runsOf(close, 3 * FPS + 1)) {
    found.push({ kind: 'tailgating', actors, run, waits: 3 * FPS, severity: {} });
  }
  if (collision !== undefined) return found;
  const runs = runsOf(
    [...ttc.keys()].filter((frame) => isPerson || brakesAround(braked, frame)),
    1,
    FPS,
  );
  const kind = isPerson ? 'near-miss-person' : 'near-miss';
  for (const { first, last } of runs) {
    const values = [...ttc].filter(([frame]) => frame >= first && frame <= last).map(([, value]) => value);
    const severity = { minTTC: Math.min(...values), PET: pet?.value ?? null };
    found.push({ kind, actors, run: { first, last: last + AFTER_FRAMES }, waits: 0, severity });
  }
  if (runs.length === 0 && pet !== null) {
    const severity = { minTTC: null, PET: pet.value };
    found.push({ kind, actors, run: { first: pet.leaves, last: pet.enters }, waits: 0, severity });
  }
  return found;
}

function brakesAround(braked: ReadonlySet<number>, frame: number): boolean {
  for (let near = frame - FPS; near <= frame + FPS; near += 1) if (braked.has(near)) return true;
  return false;
}

/** Five or more vehicles at walking pace in one lane, one behind the other, for 15 s. */
export function queues(present: readonly (readonly RecordedTrack[])[], ground: Ground): readonly TrueHappening[] {
  const slow = new Map<string, { frames: number[]; members: Set<string> }>();
  for (const [frame, tracks] of present.entries()) {
    const byLane = Map.groupBy(
      tracks.filter((track) => track.class !== 'person' && (stateOf(track, frame)?.[2] ?? 9) * KMH < 5),
      (track) => laneOf(track, frame, ground),
    );
    for (const [lane, members] of byLane) {
      if (lane === null || members.length < 5) continue;
      const chain = longestChain(members, frame);
      if (chain.length < 5) continue;
      const noted = slow.get(lane) ?? { frames: [], members: new Set<string>() };
      noted.frames.push(frame);
      for (const { id } of chain) noted.members.add(id);
      slow.set(lane, noted);
    }
  }
  return [...slow.values()].flatMap(({ frames, members }) =>
    runsOf(frames, 15 * FPS, 15).map((run): TrueHappening => ({
      kind: 'queue',
      actors: [...members],
      run,
      waits: 15 * FPS,
      severity: { vehicles: members.size, seconds: (run.last - run.first) / FPS },
    })),
  );
}

function laneOf(track: RecordedTrack, frame: number, ground: Ground): string | null {
  const state = stateOf(track, frame);
  return (state === undefined ? undefined : ground.at(placeOf(state), 'lane'))?.id ?? null;
}

/** Of vehicles in one lane: those with less than 15 m to the next. */
function longestChain(members: readonly RecordedTrack[], frame: number): readonly RecordedTrack[] {
  const heading = stateOf(members[0]!, frame)?.[3] ?? 0;
  const along = (track: RecordedTrack): number => {
    const state = stateOf(track, frame);
    return state === undefined ? 0 : state[0] * Math.cos(heading) + state[1] * Math.sin(heading);
  };
  const inOrder = members.toSorted((a, b) => along(a) - along(b));
  let [longest, chain]: [RecordedTrack[], RecordedTrack[]] = [[], []];
  for (const track of inOrder) {
    const last = chain.at(-1);
    const gap = last === undefined ? 0 : along(track) - along(last) - (track.length + last.length) / 2;
    chain = gap < 15 ? [...chain, track] : [track];
    if (chain.length > longest.length) longest = chain;
  }
  return longest;
}
