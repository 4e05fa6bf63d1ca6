import { TICKS_PER_SECOND } from '../video/access-unit.ts';

/** The clock of a track: presentation times without the wrap of their 32 bits, and the jitter of the packets. */
export class TrackClock {
  readonly #rate: number;
  #last: number | null = null;
  /** Ticks of the camera's clock at the last picture. */
  #extended = 0;
  #arrival: { readonly timestamp: number; readonly at: number } | null = null;
  #jitter = 0;

  /** @param rate ticks a second; anything but a number above 0 counts as 90,000 */
  constructor(rate: number) {
    this.#rate = rate > 0 ? rate : TICKS_PER_SECOND;
  }

  /** Mean difference of the packets' travel times, in ticks of the track: RFC 3550 A.8. */
  get jitter(): number {
    return this.#jitter;
  }

  /** The timestamps of another source have nothing to do with those before. */
  newSource(): void {
    this.#arrival = null;
  }

  /** Counts a packet. @param at epoch ms */
  arrived(timestamp: number, at: number): void {
    const before = this.#arrival;
    this.#arrival = { timestamp, at };
    if (before === null) return;
    const sent = (timestamp - before.timestamp) | 0;
    const travel = ((at - before.at) / 1000) * this.#rate - sent;
    this.#jitter += (Math.abs(travel) - this.#jitter) / 16;
  }

  /** Presentation time of the next picture in ticks of 90 kHz. */
  ptsOf(timestamp: number): number {
    this.#extended += this.#last === null ? timestamp : (timestamp - this.#last) | 0;
    this.#last = timestamp;
    return Math.round((this.#extended * TICKS_PER_SECOND) / this.#rate);
  }
}
