/** Which faults happen when: pure, and the same for the same seed. */
import { Random } from '../support/random.ts';

/**
 * What can be broken. `kill`: ended outright, and started again as an init system would. `pause`: SIGSTOP, later
 * SIGCONT.
 */
export const FAULTS = [
  'kill-nats',
  'pause-nats',
  'kill-redis',
  'pause-redis',
  'kill-scheduler',
  'pause-scheduler',
  'kill-aggregator',
  'pause-aggregator',
  'pause-cameras',
  'kill-camera-thread',
  'kill-decoder',
  'pause-decoder',
  'provider-hangs',
  'provider-429',
  'provider-5xx',
  'provider-garbage',
  'full-disk',
  'clock-step',
  'flood',
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** One fault. Times in ms from the start of the run; a kill is over at once. */
export interface Fault {
  readonly kind: FaultKind;
  readonly at: number;
  readonly forMs: number;
  /** Which of several alike (schedulers, cameras): a number to be taken modulo their count. */
  readonly victim: number;
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly totalMs: number;
  /** Before the first fault, and after the last. */
  readonly calmMs: number;
  /** Without faults between the end of one and the start of the next: least and most. */
  readonly gapMs: readonly [number, number];
  readonly kinds: readonly FaultKind[];
}

/** How long each kind lasts: least and most. */
const LASTS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  'kill-nats': [0, 0],
  'pause-nats': [1_000, 9_000],
  'kill-redis': [0, 0],
  'pause-redis': [1_000, 6_000],
  'kill-scheduler': [0, 0],
  'pause-scheduler': [1_000, 12_000],
  'kill-aggregator': [0, 0],
  'pause-aggregator': [1_000, 13_000],
  'pause-cameras': [1_000, 5_000],
  'kill-camera-thread': [0, 0],
  'kill-decoder': [0, 0],
  'pause-decoder': [1_000, 4_000],
  'provider-hangs': [2_000, 8_000],
  'provider-429': [2_000, 6_000],
  'provider-5xx': [2_000, 8_000],
  'provider-garbage': [2_000, 6_000],
  'full-disk': [2_000, 5_000],
  'clock-step': [3_000, 8_000],
  flood: [2_000, 5_000],
};

/**
 * Faults one after the other until the time is used up. Every kind comes before any comes again; the seed decides on
 * the order.
 */
export function scheduleOf({ seed, totalMs, calmMs, gapMs, kinds }: ScheduleOptions): readonly Fault[] {
  const random = new Random(seed);
  const between = ([least, most]: readonly [number, number]): number => least + random.below(most - least + 1);
  const faults: Fault[] = [];
  let bag: FaultKind[] = [];
  for (let at = calmMs; ;) {
    if (bag.length === 0) bag = [...kinds];
    const [kind] = bag.splice(random.below(bag.length), 1);
    if (kind === undefined) return faults;
    const forMs = between(LASTS[kind]);
    if (at + forMs > totalMs - calmMs) return faults;
    faults.push({ kind, at, forMs, victim: random.below(1_000) });
    at += forMs + between(gapMs);
  }
}
