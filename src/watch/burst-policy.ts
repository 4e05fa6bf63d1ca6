import type { Interest } from '../events/interest.ts';
import { LOOK_BACK_SECONDS } from '../tracking/tracking.types.ts';
import type { BurstWish } from './watch.types.ts';

/** Most pictures a second of a burst. */
const MOST_FPS = 10;
/** Tokens that may be saved up, in seconds of income: a look-back of 2.4 s at 10 fps for 2 pictures a second. */
const SAVED_SECONDS = 12;
/** The ingest keeps a little more than the look-back; what lies at the very edge may be gone when it is asked for. */
const LOOK_BACK_MS = LOOK_BACK_SECONDS * 1_000 - 500;
/** A wish goes no further into the future: until then it is clear whether more is wanted. */
const AHEAD_MS = 1_000;
/** Wishes of fewer pictures are not worth the way. */
const FEWEST = 2;
/** Pictures of a wish that did not come within so many ms of its last moment will not come. */
const OVERDUE_MS = 2_000;
/** Pictures closer than this to one that was analysed add nothing, in ms. */
export const SAME_PICTURE_MS = 40;
/** A wish of no value leaves so much of the savings for one of value; the more valuable, the less. */
const SPARED_SHARE = 0.85;

/**
 * Spends a budget of extra pictures (a token bucket of `burstFps` pictures a second) on the moments that are worth
 * most. Pure: its clock are the times of the frames. One wish is open at a time, and none is for moments that it has.
 */
export class BurstPolicy {
  readonly #burstFps: number;
  #tokens = 0;
  #tokensAt: number | null = null;
  /** Times of analysed frames within the look-back, in order. */
  #taken: number[] = [];
  #pending: { readonly to: number; left: number } | null = null;

  constructor(burstFps: number) {
    this.#burstFps = burstFps;
  }

  has(at: number): boolean {
    return this.#taken.some((taken) => Math.abs(taken - at) < SAME_PICTURE_MS);
  }

  /** Takes note of an analysed frame. */
  take(at: number, isBurst: boolean): void {
    const index = this.#taken.findLastIndex((taken) => taken <= at) + 1;
    this.#taken.splice(index, 0, at);
    const newest = this.#taken.at(-1) ?? at;
    const kept = this.#taken.findIndex((taken) => newest - taken <= LOOK_BACK_SECONDS * 1_000);
    if (kept > 0) this.#taken.splice(0, kept);
    this.#earn(newest);
    if (!isBurst) return;
    this.#tokens -= 1;
    if (this.#pending === null) return;
    this.#pending.left -= 1;
    if (this.#pending.left <= 0) this.#pending = null;
  }

  /** The last picture of the open wish is still to come. */
  get isWaiting(): boolean {
    return this.#pending !== null;
  }

  /**
   * At the newest frame. Null: nothing is worth more pictures, or there are none to spend.
   *
   * @param interests called only when there are pictures to spend: they take nearly as long to find as tracks
   */
  wish(at: number, interests: () => readonly Interest[]): BurstWish | null {
    if (this.#pending !== null && at <= this.#pending.to + OVERDUE_MS) return null;
    this.#pending = null;
    const affordable = Math.floor(this.#tokens);
    if (affordable < FEWEST) return null;
    const spared = this.#burstFps * SAVED_SECONDS * SPARED_SHARE;
    for (const interest of interests().toSorted((a, b) => b.value - a.value)) {
      const most = Math.floor(this.#tokens - spared * (1 - Math.min(1, interest.value)));
      const found = most < FEWEST ? null : this.#missing(interest, at, most);
      if (found === null) continue;
      this.#pending = { to: Math.max(found.wish.to, at), left: found.pictures };
      return found.wish;
    }
    return null;
  }

  #earn(at: number): void {
    const since = this.#tokensAt ?? at;
    if (this.#tokensAt === null || at > since) this.#tokensAt = at;
    const income = (Math.max(0, at - since) / 1_000) * this.#burstFps;
    this.#tokens = Math.min(this.#tokens + income, this.#burstFps * SAVED_SECONDS);
  }

  /** The newest stretch of an interest without pictures, of at most `most` pictures. */
  #missing(
    { from, to, fps = MOST_FPS }: Interest,
    at: number,
    most: number,
  ): { readonly wish: BurstWish; readonly pictures: number } | null {
    const rate = Math.min(fps, MOST_FPS);
    const step = 1_000 / rate;
    const first = Math.max(from, at - LOOK_BACK_MS);
    const last = Math.min(to, at + AHEAD_MS);
    let end: number | null = null;
    let pictures = 0;
    let begin = last;
    // Back from the newest moment, on the grid of the newest frame; a frame that is there stands for its moment.
    for (let moment = at + Math.floor((last - at) / step) * step; moment >= first - 1; moment -= step) {
      const isTaken = this.#taken.some((taken) => Math.abs(taken - moment) < step / 2);
      if (isTaken && end === null) continue;
      // A regular frame amid the stretch does not end it, but two in a row do.
      if (isTaken && this.#taken.some((taken) => Math.abs(taken - moment + step) < step / 2)) break;
      end ??= moment;
      begin = moment;
      if (isTaken) continue;
      pictures += 1;
      if (pictures >= most) break;
    }
    if (end === null || pictures < FEWEST) return null;
    return { wish: { from: begin, to: end, fps: rate }, pictures };
  }
}
