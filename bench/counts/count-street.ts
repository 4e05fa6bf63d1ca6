/** Counts the street through the product's tracker and counter, and compares with the truth. */
import { createTrafficCounter } from '../../src/counting/traffic-counter.ts';
import { mergedBin } from '../../src/messages/count-figures.ts';
import type { CountedBin } from '../../src/messages/counted-bin.ts';
import { CROSSING_DIRECTIONS, type CrossingDirection } from '../../src/messages/scene-constants.ts';
import { createRoadTracker } from '../../src/tracking/road-tracker.ts';
import { Detector, PICTURE, streetScene } from './camera.ts';
import { Street, type TrueCrossing } from './traffic.ts';

const START = Date.UTC(2026, 0, 5, 8);
const QUARTER = 900;
const USERS = ['vehicles', 'persons'] as const;
type Users = (typeof USERS)[number];

export interface CountedQuarter {
  readonly users: Users;
  readonly direction: CrossingDirection;
  readonly quarter: number;
  readonly truth: number;
  readonly counted: number;
  /** Of hourly volumes; below 5 counts as a good fit (UK DMRB, 12.2.1). */
  readonly geh: number;
}

export interface StreetOptions {
  readonly seconds: number;
  readonly fps: number;
  readonly seed: number;
}

export interface StreetCount {
  readonly quarters: readonly CountedQuarter[];
  readonly bins: readonly CountedBin[];
  readonly truth: readonly TrueCrossing[];
  /** Of the counter alone, a frame, ms. */
  readonly msPerFrame: number;
}

export const geh = (counted: number, truth: number): number =>
  counted + truth === 0 ? 0 : Math.sqrt((2 * (counted - truth) ** 2) / (counted + truth));

const usersOf = (ofClass: string): Users => (ofClass === 'person' ? 'persons' : 'vehicles');

export function countStreet({ seconds, fps, seed }: StreetOptions): StreetCount {
  const street = new Street(seed);
  const detector = new Detector(seed + 1);
  const scene = streetScene();
  const tracker = createRoadTracker(scene, { picture: PICTURE });
  const counter = createTrafficCounter();
  const bins: CountedBin[] = [];
  let spent = 0;
  const frames = seconds * fps;
  for (let frame = 0; frame <= frames; frame += 1) {
    const at = START + Math.round((frame * 1_000) / fps);
    tracker.update(detector.see(street.at(frame / fps)), at);
    const { tracks } = tracker;
    const began = performance.now();
    bins.push(...counter.observe({ tracks, at, scene }));
    spent += performance.now() - began;
  }
  bins.push(...counter.finish());
  return {
    quarters: quartersOf(bins, street.crossings, seconds),
    bins,
    truth: street.crossings,
    msPerFrame: spent / frames,
  };
}

function quartersOf(bins: readonly CountedBin[], truth: readonly TrueCrossing[], seconds: number): CountedQuarter[] {
  const quarters = Array.from({ length: Math.ceil(seconds / QUARTER) }, (_, quarter) => quarter);
  return quarters.flatMap((quarter) => {
    const begin = START + quarter * QUARTER * 1_000;
    const within = bins.filter(({ start }) => Math.floor((Date.parse(start) - begin) / (QUARTER * 1_000)) === 0);
    const [line] = mergedBin(within, begin, QUARTER).lines;
    return USERS.flatMap((users) =>
      CROSSING_DIRECTIONS.map((direction) => {
        const crossings = line?.crossings ?? [];
        const counted = crossings
          .filter((one) => one.direction === direction && usersOf(one.class) === users)
          .reduce((sum, { count }) => sum + count, 0);
        const isMeant = (one: TrueCrossing): boolean =>
          one.direction === direction && usersOf(one.class) === users && Math.floor(one.at / QUARTER) === quarter;
        const there = truth.filter(isMeant).length;
        const perHour = 3_600 / Math.min(QUARTER, seconds - quarter * QUARTER);
        return { users, direction, quarter, truth: there, counted, geh: geh(counted * perHour, there * perHour) };
      }),
    );
  });
}
