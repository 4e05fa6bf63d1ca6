import { systemClock, type Clock } from '../runtime/clock.ts';

/**
 * Whole epoch ms as of the process's start plus the time since by the monotonic clock: setting the machine's clock, or
 * NTP stepping it, moves no window. For any other clock than the machine's (a test's), that clock's reading.
 */
export const steadyNow = (clock: Clock): number =>
  clock === systemClock ? Math.floor(performance.timeOrigin + performance.now()) : clock.now();

/** A moment of `clock` as `steadyNow` counts. */
export const toSteady = (clock: Clock, at: number): number => steadyNow(clock) + (at - clock.now());
