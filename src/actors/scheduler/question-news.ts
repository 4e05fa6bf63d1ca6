import { MOST_TOLD, type QuestionLoad } from './peers.ts';

type News = Pick<QuestionLoad, 'arrivals' | 'arrived' | 'asked'>;

/** Arrived and asked questions of which the other schedulers have not been told. Bounded. */
export class QuestionNews {
  #arrivals = 0;
  #arrived: number[] = [];
  #asked: string[] = [];

  get any(): boolean {
    return this.#arrivals > 0 || this.#asked.length > 0;
  }

  /** A question of this value arrived. */
  arrived(value: number): void {
    this.#arrivals += 1;
    if (this.#arrived.length < MOST_TOLD) this.#arrived.push(value);
  }

  /** The question about the group `key` is asked. */
  asked(key: string): void {
    if (this.#asked.length < MOST_TOLD) this.#asked.push(key);
  }

  /** Removes and returns all of it. */
  take(): News {
    const news = { arrivals: this.#arrivals, arrived: this.#arrived, asked: this.#asked };
    this.#arrivals = 0;
    this.#arrived = [];
    this.#asked = [];
    return news;
  }
}
