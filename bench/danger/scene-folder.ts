/** Reads scene folders: `scene.json`, `frames.jsonl` and `truth.json`, each plain or gzipped. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Box, ObjectClass } from '../../src/messages/detection.ts';
import type { EventKind, ZoneKind } from '../../src/messages/scene-constants.ts';

export type Point = [number, number];

export interface SceneFile {
  readonly name: string;
  /** px */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly durationSeconds: number;
  readonly limitKmh?: number;
  readonly calibration: readonly { readonly image: Point; readonly road: Point }[];
  /** The same pairs with road points that are off. */
  readonly calibrationError: readonly { readonly image: Point; readonly road: Point }[];
  readonly zones: readonly {
    readonly id: string;
    readonly kind: ZoneKind;
    readonly polygon: readonly Point[];
    readonly direction?: readonly [Point, Point];
    readonly speedLimitKmh?: number;
  }[];
}

export interface SceneFrame {
  /** Seconds of the scene. */
  readonly t: number;
  readonly objects: readonly { readonly class: ObjectClass; readonly confidence: number; readonly bbox: Box }[];
}

/** X m, Y m, speed m/s, heading rad, box px or null when it isn't in the picture. */
export type TrueState = readonly [number, number, number, number, Box | null];

export interface TrueTrack {
  readonly id: string;
  readonly class: ObjectClass;
  readonly length: number;
  readonly width: number;
  readonly height: number;
  /** Seconds of the scene of its first state; the others follow every 0.1 s. */
  readonly t0: number;
  readonly states: readonly TrueState[];
}

/** Seconds of the scene. */
export interface TrueEvent {
  readonly kind: EventKind;
  readonly actors: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly peak: number;
  /** When its definition was met; later than the start where that has a waiting time. */
  readonly qualifiedAt: number;
  readonly severity: Readonly<Record<string, number | null>>;
  /** The actors could be seen well enough around the event. */
  readonly visible: boolean;
  readonly visibleFrom: number | null;
}

export interface Truth {
  readonly tracks: readonly TrueTrack[];
  readonly events: readonly TrueEvent[];
}

export interface DangerScene {
  readonly name: string;
  readonly scene: SceneFile;
  readonly frames: readonly SceneFrame[];
  readonly truth: Truth;
}

/** Between the states of a true track, s. */
export const STATE_SECONDS = 0.1;

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : gunzipSync(readFileSync(`${path}.gz`)).toString('utf8');
}

/** Names of the scenes in a folder, in order; those that contain a text of `only`, separated by commas. */
export function sceneNames(folder: string, only: string | null): readonly string[] {
  const wanted = (only ?? '').split(',');
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && wanted.some((text) => entry.name.includes(text)))
    .map(({ name }) => name)
    .filter((name) => ['truth.json', 'truth.json.gz'].some((file) => existsSync(join(folder, name, file))))
    .toSorted();
}

export function readScene(folder: string, name: string): DangerScene {
  const read = (file: string): string => readText(join(folder, name, file));
  return {
    name,
    scene: JSON.parse(read('scene.json')) as SceneFile,
    frames: read('frames.jsonl')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as SceneFrame),
    truth: JSON.parse(read('truth.json')) as Truth,
  };
}

/** True box of a track at a time; null when it isn't in the picture. */
export function trueStateAt(track: TrueTrack, t: number): TrueState | null {
  return track.states[Math.round((t - track.t0) / STATE_SECONDS)] ?? null;
}

/** The frames that a faultless detector would give. */
export function trueFrames({ frames, truth }: Pick<DangerScene, 'frames' | 'truth'>): readonly SceneFrame[] {
  return frames.map(({ t }) => ({
    t,
    objects: truth.tracks.flatMap((track) => {
      const box = trueStateAt(track, t)?.[4] ?? null;
      return box === null ? [] : [{ class: track.class, confidence: 0.9, bbox: box }];
    }),
  }));
}
