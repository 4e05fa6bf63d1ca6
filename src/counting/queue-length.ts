/** A vehicle in a lane: metres along it, m/s. */
export interface QueuedVehicle {
  readonly position: number;
  readonly length: number;
  readonly speed: number;
}

/** As the event `queue` has them by default. */
const SLOWEST_MOVING = 5 / 3.6;
const LONGEST_GAP = 15;

/** The longest row of vehicles that stand or crawl, with short gaps. One that stands alone is a queue of one. */
export function longestQueue(vehicles: readonly QueuedVehicle[]): {
  readonly vehicles: number;
  readonly metres: number;
} {
  const slow = vehicles.filter(({ speed }) => speed < SLOWEST_MOVING).toSorted((a, b) => a.position - b.position);
  let longest = { vehicles: 0, metres: 0 };
  let [count, rear, front] = [0, 0, -Infinity];
  for (const { position, length } of slow) {
    const end = position - length / 2;
    if (end - front >= LONGEST_GAP) [count, rear] = [0, end];
    count += 1;
    front = Math.max(front, position + length / 2);
    if (front - rear > longest.metres) longest = { vehicles: count, metres: front - rear };
  }
  return longest;
}
