/**
 * Spends calls evenly, on the best questions: a token bucket filled at the rate that the keys allow, and a price that
 * falls as the bucket fills. Pure: every call takes the time (epoch ms).
 */
export interface CallBudget {
  /** Calls a second that all keys together allow; null while that is not known: then everything may be asked. */
  setRate(perSecond: number | null, now: number): void;
  /** A question of this value arrived, here or at a peer. */
  arrived(value: number, now: number): void;
  /** Calls that were begun, here or at a peer. */
  spent(calls: number, now: number): void;
  /** The keys had less than was reckoned: the bucket is empty. */
  emptied(now: number): void;
  /** Least value that is worth a call now, 0 to 1; Infinity while there is no call to spend. */
  price(now: number): number;
  /** When the price can next have fallen enough to matter, epoch ms. */
  nextAt(now: number): number;
}
