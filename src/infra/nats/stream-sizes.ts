const MB = 1024 * 1024;

/** All streams together when nothing else is asked for; a bucket of 1 MB for locks comes beside. */
export const STREAMS_MB = 3_264;
/** With less, nothing would be held long enough to be of use. */
export const LEAST_STREAMS_MB = 64;
/** No stream gets less: four of the largest messages there can be. */
const LEAST_BYTES = 4 * MB;
const STEP = 0.8;

/**
 * Parts of `totalMb` for each of `full` (bytes by name, of {@link STREAMS_MB} together): in proportion, but at least 4
 * MB each, and at most `mostBytes`. Together they are never more than the total.
 */
export function streamSizes(
  full: ReadonlyMap<string, number>,
  totalMb: number,
  mostBytes = Number.POSITIVE_INFINITY,
): ReadonlyMap<string, number> {
  const least = full.size * LEAST_BYTES;
  const whole = [...full.values()].reduce((sum, bytes) => sum + bytes, 0);
  const share = Math.max(0, totalMb * MB - least) / (whole - least);
  return new Map(
    [...full].map(([name, bytes]) => [
      name,
      Math.floor(Math.min(mostBytes, LEAST_BYTES + Math.max(0, bytes - LEAST_BYTES) * share)),
    ]),
  );
}

/** What to try when `totalMb` was too much: a fifth less. Null when even the least does not fit. */
export function lessStreams(totalMb: number): number | null {
  if (totalMb <= LEAST_STREAMS_MB) return null;
  return Math.max(LEAST_STREAMS_MB, Math.floor(totalMb * STEP));
}
