/** Road users of a group, drawn so that distances and speeds hint at its danger, with the noise of a detector. */
import type { Box, DetectedObject, GroupFeatures, ObjectClass } from '../../src/messages/detection.ts';
import { groupFeatures } from '../../src/vision/group-features.ts';
import type { TrueLevel } from './world.ts';

export const WIDTH = 1280;
export const HEIGHT = 720;

export type Kind = 'person-and-vehicle' | 'vehicles' | 'persons';

/** Means of a group's figures while it looks like this. */
export interface Look {
  /** Gap between the nearest two, px. */
  readonly gap: number;
  /** Speed of the fastest, px/s. */
  readonly speed: number;
  /** Share of that speed which goes towards the other, 0 to 1. */
  readonly towards: number;
}

/** A group's members as one frame shows them; the group's box begins near the frame's upper left corner. */
export interface Seen {
  readonly members: readonly DetectedObject[];
  readonly bbox: Box;
  readonly features: GroupFeatures;
}

type Range = readonly [number, number];
interface Looks {
  readonly gap: Range;
  readonly speed: Range;
  readonly towards: Range;
}

/** Ranges overlap from level to level: by its figures alone no group is told apart with certainty. */
const LOOKS: Readonly<Record<Kind, Readonly<Record<TrueLevel, Looks>>>> = {
  'person-and-vehicle': {
    none: { gap: [40, 220], speed: [0, 120], towards: [0, 0.4] },
    low: { gap: [25, 90], speed: [20, 90], towards: [0, 0.6] },
    medium: { gap: [10, 60], speed: [80, 180], towards: [0.3, 0.9] },
    high: { gap: [0, 40], speed: [120, 260], towards: [0.5, 1] },
  },
  vehicles: {
    none: { gap: [10, 120], speed: [0, 200], towards: [0, 0.2] },
    low: { gap: [10, 90], speed: [60, 220], towards: [0.1, 0.4] },
    medium: { gap: [5, 80], speed: [110, 250], towards: [0.4, 0.9] },
    high: { gap: [0, 60], speed: [160, 320], towards: [0.6, 1] },
  },
  persons: {
    none: { gap: [5, 80], speed: [0, 40], towards: [0, 1] },
    low: { gap: [5, 40], speed: [10, 60], towards: [0, 1] },
    medium: { gap: [0, 20], speed: [20, 90], towards: [0, 1] },
    high: { gap: [0, 10], speed: [40, 120], towards: [0, 1] },
  },
};
/** Noise of each frame, one standard deviation. */
const GAP_NOISE_PX = 10;
const SPEED_NOISE_PX_S = 25;
const TOWARDS_NOISE = 0.12;
/** Share of the frames in which the tracker mixes two road users up: speed and direction are anything. */
const MIX_UPS = 0.02;
const MIX_UP_SPEED = 300;

const within = ([from, to]: Range, random: () => number): number => from + (to - from) * random();

export function lookOf(kind: Kind, level: TrueLevel, random: () => number): Look {
  const { gap, speed, towards } = LOOKS[kind][level];
  return { gap: within(gap, random), speed: within(speed, random), towards: within(towards, random) };
}

/** What a frame shows of a group that looks like this. */
export function seenOf(
  kind: Kind,
  look: Look,
  { withSpeeds, random }: { readonly withSpeeds: boolean; readonly random: () => number },
): Seen {
  const mixedUp = random() < MIX_UPS;
  const gap = Math.max(0, look.gap + GAP_NOISE_PX * normal(random));
  const speed = mixedUp ? random() * MIX_UP_SPEED : Math.max(0, look.speed + SPEED_NOISE_PX_S * normal(random));
  const towards = mixedUp ? random() : Math.min(1, Math.max(0, look.towards + TOWARDS_NOISE * normal(random)));
  const velocity: readonly [number, number] = [speed * towards, speed * Math.sqrt(1 - towards ** 2)];
  const first: ObjectClass = kind === 'persons' ? 'person' : 'car';
  const second: ObjectClass = kind === 'vehicles' ? 'car' : 'person';
  const members = [
    member(0, first, 20, withSpeeds ? velocity : null, random),
    member(1, second, 20 + sizeOf(first)[0] + gap, withSpeeds ? [0, 0] : null, random),
  ];
  const bbox: Box = [20, 100, 20 + sizeOf(first)[0] + gap + sizeOf(second)[0], 160];
  return { members, bbox, features: groupFeatures(members, bbox) };
}

const sizeOf = (kind: ObjectClass): readonly [number, number] => (kind === 'person' ? [20, 60] : [60, 60]);

function member(
  objectId: number,
  kind: ObjectClass,
  left: number,
  velocity: readonly [number, number] | null,
  random: () => number,
): DetectedObject {
  const [width, height] = sizeOf(kind);
  return {
    objectId,
    trackId: objectId + 1,
    class: kind,
    confidence: 0.6 + 0.35 * random(),
    bbox: [left, 100, left + width, 100 + height],
    velocity: velocity === null ? null : [velocity[0], velocity[1]],
  };
}

/** A normal variable of mean 0 and deviation 1, by Box-Muller. */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
