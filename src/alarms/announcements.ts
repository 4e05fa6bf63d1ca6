import { LastTimes } from './last-times.ts';

const MINUTE_MS = 60_000;
export const TEN_MINUTES_MS = 10 * MINUTE_MS;
/** Most calls to an operator in ten minutes, by EEMUA 191. */
export const MOST_IN_TEN_MINUTES = 10;

/** Calls in ten minutes after which an incident needs to be more serious to make one. */
const PLAIN_IN_TEN_MINUTES = 7;
/** The same in one minute. */
const PLAIN_IN_A_MINUTE = 3;
/** Calls kept, once there is a flood, for dangers of another family and for the next flood alarms. */
const KEPT_IN_FLOOD = 3;
/** In a flood, unconfirmed dangers make at most one call in this time. */
const UNCONFIRMED_EVERY_MS = MINUTE_MS;

/**
 * The reason for a call to the operator.
 *
 * - `plain`: an incident or a source, in quiet times.
 * - `unconfirmed`: a high incident of a source that is otherwise quiet, or a source in a flood.
 * - `confirmed`: a high incident, confirmed by the model.
 * - `flood`: what collects the rest.
 * - `next`: another alarm for a source or a flood whose own is full.
 */
export type Ask = 'plain' | 'unconfirmed' | 'confirmed' | 'flood' | 'next';

export interface Situation {
  /** Some flood alarm gets many incidents. */
  readonly flooded: boolean;
  /** The one for this family of kinds gets many. */
  readonly familyFlooded: boolean;
}

/**
 * The calls to one operator: never more than {@link MOST_IN_TEN_MINUTES} in any ten minutes. The later ones are kept
 * for the more serious, and one for a flood alarm, so that there is always a place for an incident. Times are epoch ms
 * and never fall.
 */
export class Announcements {
  readonly #calls = new LastTimes(MOST_IN_TEN_MINUTES);
  #unconfirmedAt = -Infinity;
  #total = 0;

  /** Calls so far. */
  get total(): number {
    return this.#total;
  }

  /** Takes a call for `ask` if there is one; false when there is none. */
  take(ask: Ask, now: number, situation: Situation): boolean {
    if (!this.#allows(ask, now, situation)) return false;
    this.#calls.add(now);
    this.#total += 1;
    if (ask === 'unconfirmed') this.#unconfirmedAt = now;
    return true;
  }

  #allows(ask: Ask, now: number, { flooded, familyFlooded }: Situation): boolean {
    const used = this.#calls.count(TEN_MINUTES_MS, now);
    const free = MOST_IN_TEN_MINUTES - used;
    // The last one is for a flood alarm, which takes incidents for longer than its call counts.
    const spare = free - 1;
    switch (ask) {
      case 'plain':
        return !flooded && used < PLAIN_IN_TEN_MINUTES && !this.#calls.has(PLAIN_IN_A_MINUTE, MINUTE_MS, now);
      case 'unconfirmed':
        if (!flooded) return spare > 1;
        return spare > KEPT_IN_FLOOD && now - this.#unconfirmedAt >= UNCONFIRMED_EVERY_MS;
      case 'confirmed':
        // Among many like it, it is read at the top of their alarm.
        return spare > (familyFlooded ? KEPT_IN_FLOOD : 0);
      case 'next':
        return spare > 0;
      case 'flood':
        return free > 0;
      default:
        return ask satisfies never;
    }
  }
}
