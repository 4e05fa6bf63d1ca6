/** Makes scenes: traffic that follows simple rules, with one staged event or none, seen by a pole camera. */
import type { EventKind } from '../../../src/messages/scene-constants.ts';
import type { Pinhole } from '../../../src/scene/pinhole.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import type { DangerScene, Point, SceneFile } from '../scene-folder.ts';
import { PICTURE, PoleCamera } from './camera.ts';
import { Chance } from './chance.ts';
import { NoisyDetector, type Visible } from './noise.ts';
import { stagingOf } from './staging.ts';
import { Traffic } from './traffic.ts';
import { truthOf } from './truth.ts';
import { type RecordedTrack, Recorder, boxOf, placeOf, stateOf } from './truth-records.ts';
import type { World } from './world.types.ts';
import { crossroads, motorway, street } from './worlds.ts';

/** Before the first frame, until traffic is everywhere, s. */
const WARM_UP_SECONDS = 50;
const FPS = 10;
/** When the staged event begins, at the earliest, s. */
const EVENT_SECONDS = 12;
const CALIBRATION_PAIRS = 8;

export interface GeneratorOptions {
  readonly seed: number;
  /** Null: a quiet scene. */
  readonly kind: EventKind | null;
  readonly seconds: number;
  /** Names of worlds to choose from; all when absent. */
  readonly worlds?: readonly string[];
  /** Times the usual traffic. Default 1. */
  readonly flow?: number;
}

const WORLDS: Readonly<Record<string, (chance: Chance) => World>> = {
  street: (chance) => street(chance, 1),
  avenue: (chance) => street(chance, 2),
  motorway,
  crossroads: (chance) => crossroads(chance, 'signals'),
  priority: (chance) => crossroads(chance, 'yield'),
};

/** @throws RangeError when the kind can happen in none of the worlds. */
export function generateScene({
  seed,
  kind,
  seconds,
  worlds = Object.keys(WORLDS),
  flow = 1,
}: GeneratorOptions): DangerScene {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const chance = new Chance(seed * 1_009 + attempt * 7_919);
    const make = WORLDS[worlds[Math.floor(chance.next() * worlds.length)] ?? ''];
    const world = make?.(chance);
    if (world === undefined) throw new RangeError(`worlds are ${Object.keys(WORLDS).join(', ')}`);
    const denser = <T extends { readonly perHour: number }>(source: T): T => ({
      ...source,
      perHour: source.perHour * flow,
    });
    const dense = { ...world, routes: world.routes.map(denser), walks: world.walks.map(denser) };
    const scene = generateIn(dense, chance, seed, kind, seconds);
    if (scene !== null) return scene;
  }
  throw new RangeError(`${kind} can't be staged`);
}

function generateIn(
  world: World,
  chance: Chance,
  seed: number,
  kind: EventKind | null,
  seconds: number,
): DangerScene | null {
  const staging = kind === null ? null : stagingOf(kind, world, chance, EVENT_SECONDS);
  if (kind !== null && staging === null) return null;
  const camera = new PoleCamera(cameraFor(world, chance));
  const traffic = new Traffic(world, chance, -WARM_UP_SECONDS);
  const recorder = new Recorder(camera);
  let isArranged = staging === null;
  for (let step = 0; step < WARM_UP_SECONDS * FPS; step += 1) traffic.step();
  const frames = Math.round(seconds * FPS);
  for (let frame = 0; frame < frames; frame += 1) {
    recorder.record(traffic, frame);
    isArranged ||= staging?.(traffic) ?? true;
    traffic.step();
  }
  const recorded = [...recorder.tracks.values()];
  const truth = truthOf(recorded, world, frames);
  // Staged where nobody came by, or not as planned.
  if (kind !== null && !truth.events.some((event) => event.kind === kind && event.visible)) return null;
  // Rules as simple as these do fail at times.
  if (kind !== 'collision' && truth.events.some((event) => event.kind === 'collision')) return null;
  const detector = new NoisyDetector(new Chance(seed + 77_777));
  const name = `${world.name}-${kind ?? 'quiet'}-${String(seed).padStart(4, '0')}`;
  return {
    name: kind === null ? name : name.replace('-quiet-', '-'),
    scene: sceneFile(name, world, camera, chance, seconds),
    frames: Array.from({ length: frames }, (_, frame) => {
      const t = frame / FPS;
      return { t, objects: detector.detect(visibleAt(recorded, camera, frame), t) };
    }),
    truth,
  };
}

function visibleAt(recorded: readonly RecordedTrack[], camera: PoleCamera, frame: number): readonly Visible[] {
  return recorded.flatMap((track) => {
    const state = stateOf(track, frame);
    const box = boxOf(state);
    if (state === undefined || box === null) return [];
    return [{ id: track.id, class: track.class, box, depth: camera.depthOf(placeOf(state)) }];
  });
}

/** On a pole beside the road, looking at the stage. */
function cameraFor(world: World, chance: Chance): Pinhole {
  const isFast = world.limitKmh > 80;
  const stage = world.routes.find(({ id }) => id === world.stage.routeId)?.path.at(world.stage.at).place ?? [0, 0];
  const back = isFast ? chance.between(45, 75) : chance.between(24, 42);
  const side = (chance.is(0.5) ? 1 : -1) * (isFast ? chance.between(17, 21) : chance.between(8, 13));
  // Beyond the stage of a crossroads, so that the crossing is in view.
  const way = chance.is(0.5) && world.control === 'free' ? 1 : -1;
  const [x, y] = [stage[0] - way * back, side];
  const height = isFast ? chance.between(9, 13) : chance.between(6.5, 11);
  const far = Math.hypot(stage[0] - x, stage[1] - y);
  return {
    focal: chance.between(850, 1_200),
    pitch: Math.atan2(height, far) + chance.between(-0.06, 0.04),
    roll: 0,
    yaw: Math.atan2(-(stage[0] - x), stage[1] - y) + chance.between(-0.12, 0.12),
    height,
    x,
    y,
  };
}

function sceneFile(name: string, world: World, camera: PoleCamera, chance: Chance, seconds: number): SceneFile {
  const pairs = calibrationPairs(camera, chance);
  return {
    name,
    ...PICTURE,
    fps: FPS,
    durationSeconds: seconds,
    limitKmh: world.limitKmh,
    calibration: pairs,
    calibrationError: pairs.map(({ image, road: [x, y] }) => ({
      image,
      road: [x + chance.normal() * 0.02 * range(camera, [x, y]), y + chance.normal() * 0.02 * range(camera, [x, y])],
    })),
    zones: world.zones.flatMap((zone) => {
      const polygon = camera.polygonOf(zone.polygon);
      if (polygon === null) return [];
      const direction = zone.path === undefined ? null : directionOf(zone.path.at(0).heading, polygon, camera);
      const limit = zone.limitKmh === undefined ? {} : { speedLimitKmh: zone.limitKmh };
      return [{ id: zone.id, kind: zone.kind, polygon, ...(direction === null ? {} : { direction }), ...limit }];
    }),
  };
}

const range = ({ pose }: PoleCamera, [x, y]: Metres): number => Math.hypot(x - pose.x, y - pose.y);

function directionOf(heading: number, polygon: readonly Point[], camera: PoleCamera): [Point, Point] | null {
  const lowest = polygon.toSorted((a, b) => b[1] - a[1]);
  const middle: Point = [
    lowest.reduce((sum, [x]) => sum + x, 0) / lowest.length,
    lowest.reduce((sum, [, y]) => sum + y, 0) / lowest.length,
  ];
  const road = camera.toRoad(middle);
  if (road === null) return null;
  const ends = [-2.5, 2.5].map((metres) =>
    camera.project([road[0] + Math.cos(heading) * metres, road[1] + Math.sin(heading) * metres]),
  );
  const [from, to] = ends;
  return from && to ? [from, to] : null;
}

/** Places spread over the lower part of the picture. */
function calibrationPairs(camera: PoleCamera, chance: Chance): SceneFile['calibration'] {
  const pairs: { image: Point; road: Point }[] = [];
  for (let attempt = 0; attempt < 500 && pairs.length < CALIBRATION_PAIRS; attempt += 1) {
    const image: Point = [
      chance.between(40, PICTURE.width - 40),
      chance.between(PICTURE.height * 0.3, PICTURE.height - 20),
    ];
    const road = camera.toRoad(image);
    if (road === null || range(camera, road) > 110) continue;
    if (pairs.some((pair) => Math.hypot(pair.image[0] - image[0], pair.image[1] - image[1]) < 120)) continue;
    pairs.push({
      image: [rounded(image[0], 10), rounded(image[1], 10)],
      road: [rounded(road[0], 1_000), rounded(road[1], 1_000)],
    });
  }
  return pairs;
}

const rounded = (value: number, parts: number): number => Math.round(value * parts) / parts;
