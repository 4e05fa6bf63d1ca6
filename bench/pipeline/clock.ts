/**
 * One clock for all processes of a benchmark: the kernel's monotonic one, shifted once so that it reads as epoch ms.
 */
import { monotonicMs } from '../../src/runtime/clock.ts';

/** What is added to the monotonic clock; taken in one process and given to the others. */
export const wallOffset = (): number => performance.timeOrigin + performance.now() - monotonicMs();

/** Epoch ms with fractions, the same in every process that has the same offset. */
export const clockWith = (offset: number) => (): number => monotonicMs() + offset;
