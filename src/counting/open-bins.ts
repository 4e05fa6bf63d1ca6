import { MOST } from '../messages/bounds.ts';
import { laneFigures, type LaneTotals } from '../messages/count-figures.ts';
import type { CountedBin } from '../messages/counted-bin.ts';
import type { ObjectClass } from '../messages/detection.ts';
import { BIN_SECONDS, type CrossingDirection } from '../messages/scene-constants.ts';

const BIN_MS = BIN_SECONDS * 1_000;
/** After a longer time between two frames nobody knows who passed. */
const LONGEST_GAP_MS = 10_000;

/** The parts of a scene that are counted. */
export interface CountedParts {
  readonly lineIds: readonly string[];
  readonly laneIds: readonly string[];
  readonly notOnRoad: readonly string[];
  readonly calibrated: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Crossings {
  readonly direction: CrossingDirection;
  readonly class: ObjectClass;
  count: number;
}

interface Movements {
  readonly from: string;
  readonly to: string;
  readonly class: ObjectClass;
  count: number;
}

class OpenBin {
  readonly start: number;
  readonly lines = new Map<string, Map<string, Crossings>>();
  readonly movements = new Map<string, Movements>();
  readonly lanes = new Map<string, Mutable<LaneTotals>>();
  readonly notOnRoad = new Set<string>();
  calibrated = true;
  observedMs = 0;
  leftOut = 0;

  constructor(start: number, parts: CountedParts) {
    this.start = start;
    this.use(parts);
  }

  /** Shows these parts, also without traffic. Those of an earlier scene stay. */
  use({ lineIds, laneIds, notOnRoad, calibrated }: CountedParts): void {
    const { lines, lanes } = this;
    for (const id of lineIds) if (!lines.has(id) && lines.size < MOST.lines) lines.set(id, new Map());
    for (const laneId of laneIds)
      if (!lanes.has(laneId) && lanes.size < MOST.zones) lanes.set(laneId, noTraffic(laneId));
    for (const id of notOnRoad) if (this.notOnRoad.size < MOST.lines + MOST.zones) this.notOnRoad.add(id);
    this.calibrated &&= calibrated;
  }

  /** Whether there is anything to count in. */
  get hasParts(): boolean {
    return this.lines.size + this.lanes.size + this.notOnRoad.size > 0;
  }

  get finished(): CountedBin {
    const observedSeconds = this.observedMs / 1_000;
    return {
      start: new Date(this.start).toISOString(),
      seconds: BIN_SECONDS,
      observedSeconds,
      calibrated: this.calibrated,
      lines: [...this.lines].map(([lineId, crossings]) => ({ lineId, crossings: [...crossings.values()] })),
      movements: [...this.movements.values()],
      lanes: [...this.lanes.values()].map((totals) => laneFigures(totals, observedSeconds)),
      notOnRoad: [...this.notOnRoad],
      leftOut: this.leftOut,
    };
  }
}

const noTraffic = (laneId: string): Mutable<LaneTotals> => ({
  laneId,
  vehicles: 0,
  queueVehicles: 0,
  queueMetres: 0,
  speedsKmh: 0,
  metres: 0,
  seconds: 0,
  occupiedSeconds: 0,
});

/** The bins of the last minutes. Who is counted too late for a finished one goes to the oldest open one. */
export class OpenBins {
  #parts: CountedParts;
  /** In the order of their starts. */
  #bins: OpenBin[] = [];
  #newestAt: number | null = null;

  constructor(parts: CountedParts) {
    this.#parts = parts;
  }

  setParts(parts: CountedParts): void {
    this.#parts = parts;
    for (const bin of this.#bins) bin.use(parts);
  }

  /** There was a frame at this moment. */
  observed(at: number): void {
    const from = this.#newestAt;
    this.#newestAt = at;
    if (from === null || at - from > LONGEST_GAP_MS) return void this.#at(at);
    this.#split(from, at, (bin, ms) => (bin.observedMs += ms));
  }

  crossed(lineId: string, at: number, direction: CrossingDirection, ofClass: ObjectClass): void {
    const crossings = this.#at(at).lines.get(lineId);
    if (crossings !== undefined) addOne(crossings, `${direction} ${ofClass}`, { direction, class: ofClass, count: 0 });
  }

  moved(from: string, to: string, at: number, ofClass: ObjectClass): void {
    const bin = this.#at(at);
    const name = `${from} ${to} ${ofClass}`;
    if (bin.movements.size >= MOST.movements && !bin.movements.has(name)) bin.leftOut += 1;
    else addOne(bin.movements, name, { from, to, class: ofClass, count: 0 });
  }

  /** One more road user was not followed. */
  leftOut(at: number): void {
    this.#at(at).leftOut += 1;
  }

  passedMiddle(laneId: string, at: number, speed: number): void {
    const lane = this.#at(at).lanes.get(laneId);
    if (lane === undefined) return;
    lane.vehicles += 1;
    lane.speedsKmh += speed * 3.6;
  }

  /** A vehicle was in the lane. */
  travelled(laneId: string, at: number, metres: number, seconds: number): void {
    const lane = this.#at(at).lanes.get(laneId);
    if (lane === undefined) return;
    lane.metres += metres;
    lane.seconds += seconds;
  }

  /** A vehicle was in the middle of the lane. */
  occupied(laneId: string, from: number, to: number): void {
    this.#split(from, to, (bin, ms) => {
      const lane = bin.lanes.get(laneId);
      if (lane !== undefined) lane.occupiedSeconds += ms / 1_000;
    });
  }

  queued(laneId: string, at: number, vehicles: number, metres: number): void {
    const lane = this.#at(at).lanes.get(laneId);
    if (lane === undefined) return;
    lane.queueVehicles = Math.max(lane.queueVehicles, vehicles);
    lane.queueMetres = Math.max(lane.queueMetres, metres);
  }

  /** Removes the bins that ended by then. */
  finish(until: number): readonly CountedBin[] {
    const ended = this.#bins.filter((bin) => bin.start + BIN_MS <= until);
    this.#bins = this.#bins.slice(ended.length);
    // Between two frames far apart a bin may have begun with the second one only.
    return ended.filter((bin) => bin.observedMs > 0 && bin.hasParts).map((bin) => bin.finished);
  }

  #at(at: number): OpenBin {
    const start = Math.floor(at / BIN_MS) * BIN_MS;
    const known = this.#bins.findLast((bin) => bin.start <= start);
    if (known?.start === start) return known;
    const [oldest] = this.#bins;
    if (known === undefined && oldest !== undefined) return oldest;
    const made = new OpenBin(start, this.#parts);
    this.#bins = [...this.#bins, made].toSorted((a, b) => a.start - b.start);
    return made;
  }

  #split(from: number, to: number, add: (bin: OpenBin, ms: number) => void): void {
    for (let begin = from; begin < to;) {
      const end = Math.min(to, (Math.floor(begin / BIN_MS) + 1) * BIN_MS);
      add(this.#at(begin), end - begin);
      begin = end;
    }
  }
}

function addOne<T extends { count: number }>(counts: Map<string, T>, name: string, none: T): void {
  const known = counts.get(name) ?? none;
  known.count += 1;
  counts.set(name, known);
}
