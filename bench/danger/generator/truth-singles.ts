/** Events of one road user, by their definitions, from the trajectories. */
import type { EventKind } from '../../../src/messages/scene-constants.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import { contains } from '../../../src/scene/polygon.ts';
import type { TrueState } from '../scene-folder.ts';
import { placeOf, type RecordedTrack, stateOf } from './truth-records.ts';
import { framesWhere, type Run, runsOf } from './truth-runs.ts';
import type { World, WorldZone } from './world.types.ts';

export interface TrueHappening {
  readonly kind: EventKind;
  readonly actors: readonly string[];
  readonly run: Run;
  /** Frames from its first to the one that meets the definition. */
  readonly waits: number;
  readonly severity: Readonly<Record<string, number | null>>;
}

/** Frames a second. */
export const FPS = 10;
const KMH = 3.6;
const LIMIT_RATIO = 1.2;
/** m/s, m/s² */
const STANDING = 0.5;
const HARD = 5;
/** Over which a deceleration is taken, frames. */
const BRAKING_FRAMES = 2;
const MARGIN_METRES = 0.7;
/** Beyond a standing one ahead within so many m, or a stop line, one who stands waits. */
const WAITING_METRES = 14;

export class Ground {
  readonly #zones: readonly WorldZone[];
  readonly world: World;

  constructor(world: World) {
    this.world = world;
    this.#zones = world.zones;
  }

  at(place: Metres, ...kinds: readonly WorldZone['kind'][]): WorldZone | undefined {
    return this.#zones.find((zone) => kinds.includes(zone.kind) && contains(zone.polygon, place));
  }

  isOnCarriageway(place: Metres): boolean {
    return this.at(place, 'lane', 'junction', 'shoulder') !== undefined;
  }

  /** On a crossing or off the road, or less than the margin from there. */
  isSafe(place: Metres): boolean {
    const around = [0, 1, 2, 3, 4, 5, 6, 7].map((eighth): Metres => {
      const angle = (eighth * Math.PI) / 4;
      return [place[0] + Math.cos(angle) * MARGIN_METRES, place[1] + Math.sin(angle) * MARGIN_METRES];
    });
    return [place, ...around].some((point) => this.at(point, 'crossing', 'sidewalk') !== undefined);
  }
}

const isMotor = ({ class: kind }: RecordedTrack): boolean => ['car', 'truck', 'bus', 'motorcycle'].includes(kind);

const turnBetween = (a: number, b: number): number => {
  const turn = Math.abs(a - b) % (2 * Math.PI);
  return Math.min(turn, 2 * Math.PI - turn);
};

const speedKmh = (state: TrueState | undefined): number => round((state?.[2] ?? 0) * KMH);
const round = (value: number): number => Math.round(value * 100) / 100;

export function singleEvents(tracks: readonly RecordedTrack[], ground: Ground): readonly TrueHappening[] {
  return tracks.flatMap((track) => {
    if (track.class === 'person') return track.riderOf === null ? onRoad(track, ground) : [];
    if (!isMotor(track) || track.parked) return [];
    return [
      ...wrongWay(track, ground),
      ...speeding(track, ground),
      ...shoulderUse(track, ground),
      ...hardBraking(track),
      ...standing(track, tracks, ground),
      ...uTurn(track),
    ];
  });
}

function found(
  kind: EventKind,
  track: RecordedTrack,
  waits: number,
  holds: (state: TrueState, frame: number) => boolean,
  severity: (run: Run) => TrueHappening['severity'],
): readonly TrueHappening[] {
  const frames = framesWhere(track, (frame) => {
    const state = stateOf(track, frame);
    return state !== undefined && holds(state, frame);
  });
  return runsOf(frames, waits).map((run) => ({ kind, actors: [track.id], run, waits, severity: severity(run) }));
}

const fastest = (track: RecordedTrack, { first, last }: Run): number => {
  let most = 0;
  for (let frame = first; frame <= last; frame += 1) most = Math.max(most, speedKmh(stateOf(track, frame)));
  return most;
};

const onRoad = (track: RecordedTrack, ground: Ground): readonly TrueHappening[] =>
  found(
    'person-on-road',
    track,
    1.5 * FPS + 1,
    (state) => ground.isOnCarriageway(placeOf(state)) && !ground.isSafe(placeOf(state)),
    ({ first, last }) => ({ seconds: (last - first) / FPS }),
  );

const wrongWay = (track: RecordedTrack, ground: Ground): readonly TrueHappening[] =>
  found(
    'wrong-way',
    track,
    FPS,
    (state) => {
      const lane = state[2] > 2 ? ground.at(placeOf(state), 'lane') : undefined;
      return lane?.path !== undefined && turnBetween(state[3], lane.path.at(0).heading) > (120 * Math.PI) / 180;
    },
    (run) => ({ speedKmh: fastest(track, run) }),
  );

const speeding = (track: RecordedTrack, ground: Ground): readonly TrueHappening[] =>
  found(
    'speeding',
    track,
    2 * FPS + 1,
    (state) => {
      const limit = ground.at(placeOf(state), 'lane', 'shoulder')?.limitKmh ?? ground.world.limitKmh;
      return state[2] * KMH > LIMIT_RATIO * limit;
    },
    (run) => ({ speedKmh: fastest(track, run), limitKmh: ground.world.limitKmh }),
  );

const shoulderUse = (track: RecordedTrack, ground: Ground): readonly TrueHappening[] =>
  found(
    'shoulder-use',
    track,
    1.5 * FPS,
    (state) => state[2] * KMH > 10 && ground.at(placeOf(state), 'shoulder') !== undefined,
    (run) => ({ speedKmh: fastest(track, run) }),
  );

/** m/s², positive, over the frames before. */
export function decelerationAt(track: RecordedTrack, frame: number): number {
  const [before, now] = [stateOf(track, frame - BRAKING_FRAMES), stateOf(track, frame)];
  return before === undefined || now === undefined ? 0 : ((before[2] - now[2]) * FPS) / BRAKING_FRAMES;
}

const hardBraking = (track: RecordedTrack): readonly TrueHappening[] =>
  found(
    'hard-braking',
    track,
    0.4 * FPS + 1,
    (_, frame) => decelerationAt(track, frame) > HARD,
    ({ first, last }) => ({
      deceleration: Math.max(...framesOf({ first, last }).map((frame) => decelerationAt(track, frame))),
      fromKmh: speedKmh(stateOf(track, first)),
      toKmh: speedKmh(stateOf(track, last)),
    }),
  );

const framesOf = ({ first, last }: Run): readonly number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** `stopped-vehicle`, and `illegal-stop` where that is forbidden. */
function standing(track: RecordedTrack, tracks: readonly RecordedTrack[], ground: Ground): readonly TrueHappening[] {
  const still = framesWhere(track, (frame) => (stateOf(track, frame)?.[2] ?? 1) < STANDING);
  return runsOf(still, 10 * FPS).flatMap((run): TrueHappening[] => {
    // As it stands half-way: who has to wait does so then.
    const frame = run.first + 5 * FPS;
    const state = stateOf(track, frame);
    if (state === undefined) return [];
    const lane = ground.at(placeOf(state), 'lane');
    if (lane === undefined || isWaiting(track, state, frame, tracks, ground)) return [];
    const severity = { seconds: (run.last - run.first) / FPS };
    const event = { actors: [track.id], run, waits: 10 * FPS, severity };
    const isForbidden = ground.at(placeOf(state), 'no-stopping') !== undefined;
    return [
      { ...event, kind: 'stopped-vehicle' },
      ...(isForbidden ? [{ ...event, kind: 'illegal-stop' as const }] : []),
    ];
  });
}

/** At a stop line, or behind somebody who stands. */
function isWaiting(
  track: RecordedTrack,
  state: TrueState,
  frame: number,
  tracks: readonly RecordedTrack[],
  ground: Ground,
): boolean {
  const [c, s] = [Math.cos(state[3]), Math.sin(state[3])];
  const ahead = (metres: number): Metres => [state[0] + c * metres, state[1] + s * metres];
  for (let metres = track.length / 2; metres <= track.length / 2 + 8; metres += 0.5) {
    if (ground.at(ahead(metres), 'junction', 'crossing') !== undefined) return true;
  }
  return tracks.some((other) => {
    const there = other === track || other.parked ? undefined : stateOf(other, frame);
    if (there === undefined || there[2] > 2) return false;
    const [dx, dy] = [there[0] - state[0], there[1] - state[1]];
    const [along, aside] = [dx * c + dy * s, Math.abs(dy * c - dx * s)];
    return along > 0 && along < WAITING_METRES + (track.length + other.length) / 2 && aside < 1.8;
  });
}

const WHOLE_TURN = (150 * Math.PI) / 180;

function uTurn(track: RecordedTrack): readonly TrueHappening[] {
  const { first, states } = track;
  let begin = 0;
  for (let end = 0; end < states.length; end += 1) {
    while (end - begin > 14 * FPS) begin += 1;
    const now = states[end];
    if (now === undefined) continue;
    for (let from = end; from >= begin; from -= 1) {
      const before = states[from];
      if (before === undefined || Math.hypot(now[0] - before[0], now[1] - before[1]) > 30) break;
      if (turnBetween(before[3], now[3]) < WHOLE_TURN) continue;
      return [
        {
          kind: 'u-turn',
          actors: [track.id],
          run: { first: first + from, last: first + end },
          waits: end - from,
          severity: { turnDegrees: round((turnBetween(before[3], now[3]) * 180) / Math.PI) },
        },
      ];
    }
  }
  return [];
}
