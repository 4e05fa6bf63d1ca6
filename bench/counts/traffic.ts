/** Two hours of traffic on a street with a signal, and of people who walk beside it, from seeded random numbers. */
import type { ObjectClass } from '../../src/messages/detection.ts';
import type { CrossingDirection } from '../../src/messages/scene-constants.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import { SIZES } from '../../src/scene/sizes.ts';
import { logNormalMs, seededRandom } from '../../src/simulator/random.ts';

/** The street goes along y, away from the camera. The line that is counted crosses it here, m. */
export const LINE_Y = 34;
export const LINE_ENDS: readonly [Metres, Metres] = [
  [-9.5, LINE_Y],
  [9.5, LINE_Y],
];
const NEAR = 4;
const FAR = 85;
/** Middles of the lanes and of the pavement, and the way of each: away from the camera, or towards it. */
const LANES = [
  { x: 1.75, away: true, signalY: null },
  { x: 5.25, away: true, signalY: null },
  { x: -1.75, away: false, signalY: 24 },
  { x: -5.25, away: false, signalY: 24 },
] as const;
const PAVEMENTS = [{ x: 8.5 }, { x: -8.5 }] as const;
/** Seconds of the signal. */
const CYCLE = { green: 40, red: 35 };
const STEP = 0.2;
/** The intelligent driver model (Treiber et al. 2000): m/s², m/s², m, s. */
const DRIVER = { accelerates: 1.5, brakes: 2, gap: 2, headway: 1.4 };

export interface Mover {
  readonly id: number;
  readonly class: ObjectClass;
  readonly x: number;
  y: number;
  speed: number;
  readonly wanted: number;
  readonly away: boolean;
}

/** Somebody whose middle passed the line. */
export interface TrueCrossing {
  /** Seconds from the start. */
  readonly at: number;
  readonly class: ObjectClass;
  readonly direction: CrossingDirection;
}

/** Vehicles an hour on each lane: more in the middle of an hour. */
const rate = (seconds: number): number => 380 + 220 * Math.sin((2 * Math.PI * seconds) / 3_600);
/** People an hour on each pavement. */
const WALKERS = 90;

export class Street {
  readonly #random: () => number;
  readonly crossings: TrueCrossing[] = [];
  #movers: Mover[] = [];
  #ids = 0;
  #seconds = 0;
  /** By lane: when the next one comes. */
  readonly #next: number[];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#next = [...LANES, ...PAVEMENTS].map(() => this.#random() * 8);
  }

  /** Goes on to this second. Returns those who are on the street then. */
  at(seconds: number): readonly Mover[] {
    while (this.#seconds + STEP <= seconds + 1e-9) this.#step();
    return this.#movers;
  }

  #step(): void {
    this.#seconds = Math.round((this.#seconds + STEP) / STEP) * STEP;
    for (const [index, { x, away, signalY }] of LANES.entries()) {
      const lane = this.#movers.filter((mover) => mover.x === x);
      const first = away ? Math.min(...lane.map(({ y }) => y)) - NEAR : FAR - Math.max(...lane.map(({ y }) => y));
      if (this.#seconds >= (this.#next[index] ?? 0) && first > 14) {
        this.#enter(x, away);
        this.#next[index] = this.#seconds + this.#exponential(3_600 / rate(this.#seconds));
      }
      this.#drive(lane, away, signalY);
    }
    for (const [index, { x }] of PAVEMENTS.entries()) {
      const next = this.#next[LANES.length + index] ?? 0;
      if (this.#seconds < next) continue;
      this.#walkIn(x);
      this.#next[LANES.length + index] = this.#seconds + this.#exponential(3_600 / WALKERS);
    }
    for (const mover of this.#movers) this.#move(mover);
    this.#movers = this.#movers.filter(({ y }) => y >= NEAR - 8 && y <= FAR + 8);
  }

  #exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random());
  }

  #enter(x: number, away: boolean): void {
    const chance = this.#random();
    const ofClass: ObjectClass = chance < 0.84 ? 'car' : chance < 0.93 ? 'truck' : chance < 0.96 ? 'bus' : 'motorcycle';
    const wanted = logNormalMs(this.#random, 13.5, 17);
    const y = away ? NEAR - 6 : FAR + 6;
    this.#movers.push({ id: (this.#ids += 1), class: ofClass, x, y, speed: wanted * 0.9, wanted, away });
  }

  #walkIn(x: number): void {
    const away = this.#random() < 0.5;
    const wanted = logNormalMs(this.#random, 1.35, 1.8);
    const y = away ? NEAR + 2 : FAR - 25;
    const at = x + (this.#random() - 0.5) * 1.2;
    this.#movers.push({ id: (this.#ids += 1), class: 'person', x: at, y, speed: wanted, wanted, away });
  }

  #drive(lane: readonly Mover[], away: boolean, signalY: number | null): void {
    const isRed = signalY !== null && this.#seconds % (CYCLE.green + CYCLE.red) >= CYCLE.green;
    const ahead = lane.toSorted((a, b) => (away ? b.y - a.y : a.y - b.y));
    for (const [i, mover] of ahead.entries()) {
      const leader = ahead[i - 1];
      const half = SIZES[mover.class].length / 2;
      let gap = leader === undefined ? Infinity : Math.abs(leader.y - mover.y) - half - SIZES[leader.class].length / 2;
      let closing = leader === undefined ? 0 : mover.speed - leader.speed;
      const toSignal = signalY === null || !isRed ? Infinity : mover.y - half - signalY;
      // A driver too near to stop goes on.
      if (toSignal > mover.speed ** 2 / (2 * 3.5) && toSignal < gap) [gap, closing] = [toSignal, mover.speed];
      const { accelerates, brakes, gap: least, headway } = DRIVER;
      const wish =
        least + Math.max(0, mover.speed * headway + (mover.speed * closing) / (2 * Math.sqrt(accelerates * brakes)));
      const free = 1 - (mover.speed / mover.wanted) ** 4;
      const acceleration = accelerates * (free - (wish / Math.max(0.1, gap)) ** 2);
      mover.speed = Math.max(0, mover.speed + Math.max(-7, acceleration) * STEP);
    }
  }

  #move(mover: Mover): void {
    const before = mover.y;
    mover.y += mover.speed * STEP * (mover.away ? 1 : -1);
    if (before < LINE_Y === mover.y < LINE_Y) return;
    // The line goes from the left to the right of the picture: away from the camera is to its left.
    const direction = mover.away ? 'right-to-left' : 'left-to-right';
    this.crossings.push({ at: this.#seconds, class: mover.class, direction });
  }
}
