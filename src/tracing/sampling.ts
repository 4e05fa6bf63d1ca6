import { type IsSampled, NONE_SAMPLED } from '../messages/trace-context.ts';

const HIGHEST = 0xffff_ffff;

/**
 * Samples a share of the traces, 0 to 1, by their ids, as `TraceIdRatioBasedSampler` of the SDK does. Threads and
 * processes agree without asking each other, and need not load the SDK.
 */
export function sampledAt(share: number): IsSampled {
  if (share <= 0) return NONE_SAMPLED;
  if (share >= 1) return () => true;
  const bound = Math.floor(share * HIGHEST);
  return (traceId) => {
    let folded = 0;
    for (let at = 0; at < 32; at += 8) folded ^= Number.parseInt(traceId.slice(at, at + 8), 16);
    return folded >>> 0 < bound;
  };
}
