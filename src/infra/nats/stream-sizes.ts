const MB = 1024 * 1024;

/** Default for all streams together. Buckets of 35 MB for locks, users, releases and monitoring come on top. */
export const STREAMS_MB = 5_632;
/** With less, no stream would hold its messages long enough to be useful. */
export const LEAST_STREAMS_MB = 64;
/** Least size of a stream: room for three of the largest possible messages. All of them fit into the least together. */
const LEAST_BYTES = 3 * MB;
const STEP = 0.8;

/**
 * Splits `totalMb` among the streams of `full` (bytes by name, {@link STREAMS_MB} together) in proportion, with at
 * least 3 MB and at most `mostBytes` for each. The sum never exceeds the total.
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

/** The size to try after `totalMb` was too much: a fifth less. Null when even the least did not fit. */
export function lessStreams(totalMb: number): number | null {
  if (totalMb <= LEAST_STREAMS_MB) return null;
  return Math.max(LEAST_STREAMS_MB, Math.floor(totalMb * STEP));
}
