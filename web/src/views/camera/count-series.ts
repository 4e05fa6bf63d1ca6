/** Counts of a camera as series for a plot. Pure. */
import type { CountedBin } from '../../../../src/messages/counted-bin.ts';
import { CROSSING_DIRECTIONS, type CrossingDirection } from '../../../../src/messages/scene-constants.ts';

export const COUNT_KINDS = ['lines', 'vehicles', 'speed', 'occupancy', 'queue'] as const;
export type CountKind = (typeof COUNT_KINDS)[number];

export interface CountSeries {
  /** Of a line or a lane. */
  readonly id: string;
  /** Null: of a lane. */
  readonly direction: CrossingDirection | null;
  /** One for each bin; null where nothing is known. */
  readonly values: readonly (number | null)[];
}

export interface CountPlot {
  /** Starts of the bins, seconds since the epoch. */
  readonly times: readonly number[];
  readonly series: readonly CountSeries[];
}

/** As many as can be told apart. */
export const MOST_SERIES = 8;

type Lane = CountedBin['lanes'][number];
const OF_LANE: Readonly<Record<Exclude<CountKind, 'lines'>, (lane: Lane) => number | null>> = {
  vehicles: ({ vehicles }) => vehicles,
  speed: ({ spaceMeanSpeedKmh }) => spaceMeanSpeedKmh,
  occupancy: ({ occupancy }) => occupancy * 100,
  queue: ({ queueVehicles }) => queueVehicles,
};

/** The first 8 lanes, or directions of lines, by name. A span without pictures is a gap. */
export function countPlot(bins: readonly CountedBin[], kind: CountKind): CountPlot {
  const whole = withGaps(bins);
  const times = whole.map(({ start }) => start / 1000);
  const series = kind === 'lines' ? lineSeries(whole) : laneSeries(whole, OF_LANE[kind]);
  return { times, series: series.slice(0, MOST_SERIES) };
}

interface Slot {
  /** Epoch ms. */
  readonly start: number;
  /** Null: there were no pictures. */
  readonly bin: CountedBin | null;
}

/** A slot after each bin that the next one does not follow at once, so that no line is drawn over the gap. */
function withGaps(bins: readonly CountedBin[]): Slot[] {
  return bins.flatMap((bin, index): Slot[] => {
    const start = Date.parse(bin.start);
    const end = start + bin.seconds * 1000;
    const next = bins[index + 1];
    const slot: Slot = { start, bin };
    return next !== undefined && Date.parse(next.start) > end ? [slot, { start: end, bin: null }] : [slot];
  });
}

const idsOf = (slots: readonly Slot[], of: (bin: CountedBin) => readonly string[]): string[] =>
  [...new Set(slots.flatMap(({ bin }) => (bin === null ? [] : of(bin))))].toSorted();

function lineSeries(slots: readonly Slot[]): CountSeries[] {
  const ids = idsOf(slots, ({ lines }) => lines.map(({ lineId }) => lineId));
  return ids.flatMap((id) =>
    CROSSING_DIRECTIONS.map((direction): CountSeries => ({
      id,
      direction,
      values: slots.map(({ bin }) => {
        const line = bin?.lines.find(({ lineId }) => lineId === id);
        const own = line?.crossings.filter((crossing) => crossing.direction === direction);
        return own === undefined ? null : own.reduce((sum, { count }) => sum + count, 0);
      }),
    })),
  );
}

function laneSeries(slots: readonly Slot[], figure: (lane: Lane) => number | null): CountSeries[] {
  const ids = idsOf(slots, ({ lanes }) => lanes.map(({ laneId }) => laneId));
  return ids.map((id) => ({
    id,
    direction: null,
    values: slots.map(({ bin }) => {
      const lane = bin?.lanes.find(({ laneId }) => laneId === id);
      return lane === undefined ? null : figure(lane);
    }),
  }));
}
