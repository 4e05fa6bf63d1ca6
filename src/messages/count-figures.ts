import type { CountedBin, LaneFigures } from './counted-bin.ts';

// Apart from the schemas: the thread of a camera needs these, and loads no schemas.

type LaneSums = LaneFigures['sums'];

/** The sums from which a lane's figures are computed. */
export interface LaneTotals extends LaneSums {
  readonly laneId: string;
  readonly vehicles: number;
  readonly queueVehicles: number;
  readonly queueMetres: number;
}

/** Figures of a lane that was watched for `observedSeconds`. */
export function laneFigures(totals: LaneTotals, observedSeconds: number): LaneFigures {
  const { laneId, vehicles, queueVehicles, queueMetres, speedsKmh, metres, seconds, occupiedSeconds } = totals;
  return {
    laneId,
    vehicles,
    flowPerHour: observedSeconds > 0 ? rounded((vehicles * 3_600) / observedSeconds) : 0,
    timeMeanSpeedKmh: vehicles > 0 ? rounded(speedsKmh / vehicles) : null,
    spaceMeanSpeedKmh: seconds > 0 ? rounded((metres / seconds) * 3.6) : null,
    occupancy: observedSeconds > 0 ? Math.min(1, rounded(occupiedSeconds / observedSeconds, 1_000)) : 0,
    queueVehicles,
    queueMetres: rounded(queueMetres),
    sums: {
      speedsKmh: rounded(speedsKmh),
      metres: rounded(metres),
      seconds: rounded(seconds),
      occupiedSeconds: rounded(occupiedSeconds),
    },
  };
}

const rounded = (value: number, per = 100): number => Math.round(value * per) / per;

/**
 * The bins as one of `seconds` from `start` (epoch ms) on: counts are added, means weighted, queues the longest. A line
 * or a lane that only some of them have is counted as these have it.
 */
export function mergedBin(bins: readonly CountedBin[], start: number, seconds: number): CountedBin {
  const observedSeconds = rounded(sum(bins.map((bin) => bin.observedSeconds)));
  const crossings = new Map<string, Map<string, CountedBin['lines'][number]['crossings'][number]>>();
  const movements = new Map<string, CountedBin['movements'][number]>();
  const lanes = new Map<string, LaneTotals>();
  for (const bin of bins) {
    for (const line of bin.lines) {
      const counts = getOrMake(crossings, line.lineId, () => new Map());
      for (const one of line.crossings) addCount(counts, `${one.direction} ${one.class}`, one);
    }
    for (const one of bin.movements) addCount(movements, `${one.from} ${one.to} ${one.class}`, one);
    for (const lane of bin.lanes) lanes.set(lane.laneId, added(lanes.get(lane.laneId), lane));
  }
  return {
    start: new Date(start).toISOString(),
    seconds,
    observedSeconds: Math.min(seconds, observedSeconds),
    calibrated: bins.every(({ calibrated }) => calibrated),
    lines: [...crossings].map(([lineId, counts]) => ({ lineId, crossings: [...counts.values()] })),
    movements: [...movements.values()],
    lanes: [...lanes.values()].map((totals) => laneFigures(totals, observedSeconds)),
    notOnRoad: [...new Set(bins.flatMap(({ notOnRoad }) => notOnRoad))],
    leftOut: sum(bins.map(({ leftOut }) => leftOut)),
  };
}

function added(before: LaneTotals | undefined, { sums, ...lane }: LaneFigures): LaneTotals {
  if (before === undefined) return { ...lane, ...sums };
  return {
    laneId: lane.laneId,
    vehicles: before.vehicles + lane.vehicles,
    queueVehicles: Math.max(before.queueVehicles, lane.queueVehicles),
    queueMetres: Math.max(before.queueMetres, lane.queueMetres),
    speedsKmh: before.speedsKmh + sums.speedsKmh,
    metres: before.metres + sums.metres,
    seconds: before.seconds + sums.seconds,
    occupiedSeconds: before.occupiedSeconds + sums.occupiedSeconds,
  };
}

function addCount<T extends { readonly count: number }>(counts: Map<string, T>, name: string, one: T): void {
  counts.set(name, { ...one, count: (counts.get(name)?.count ?? 0) + one.count });
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
