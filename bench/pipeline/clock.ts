/** One clock for all processes of a benchmark: the kernel's monotonic clock, shifted once to read as epoch ms. */
import { monotonicMs } from '../../src/runtime/clock.ts';

/** The shift of the monotonic clock. One process reads it and gives it to the others. */
export const wallOffset = (): number => performance.timeOrigin + performance.now() - monotonicMs();

/** Epoch ms with fractions, equal in all processes with the same offset. */
export const clockWith = (offset: number) => (): number => monotonicMs() + offset;
