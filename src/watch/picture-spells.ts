export interface PictureSpellsOptions {
  /** That may be looked at, on average; 0 for none. */
  readonly picturesPerMinute: number;
  /** Between the pictures that come, in ms. */
  readonly intervalMs: number;
  /** Share of the wait before the first spell that is over at the start, 0 to 1: cameras have different ones. */
  readonly phase: number;
}

/** Pictures of a spell, at least: less than a minute of one a second shows few incidents from onset to end. */
const SPELL_PICTURES = 60;
/** Spared for the pictures of look-backs, where every regular picture can be paid. */
const SPARE_PICTURES = 10;

/**
 * Spends an allowance of pictures in spells of consecutive ones, since only these show tracks. Where the allowance
 * pays for every regular picture, the spell never ends. Pure: its clock are the times of the pictures.
 */
export class PictureSpells {
  readonly #perMs: number;
  readonly #isForAll: boolean;
  readonly #most: number;
  readonly #begin: number;
  #saved: number;
  #savedAt: number | null = null;
  #isOpen = false;

  constructor({ picturesPerMinute, intervalMs, phase }: PictureSpellsOptions) {
    this.#perMs = picturesPerMinute / 60_000;
    this.#isForAll = this.#perMs * intervalMs >= 1;
    this.#begin = this.#isForAll ? 1 : SPELL_PICTURES;
    this.#most = this.#isForAll ? SPARE_PICTURES : SPELL_PICTURES;
    this.#saved = picturesPerMinute === 0 ? 0 : this.#begin * phase;
  }

  /** Consecutive pictures are being looked at. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** True when the picture of this time (epoch ms) may be looked at: it is paid then. */
  take(at: number): boolean {
    const since = this.#savedAt ?? at;
    this.#savedAt = Math.max(since, at);
    this.#saved = Math.min(this.#most, this.#saved + Math.max(0, at - since) * this.#perMs);
    if (this.#saved >= this.#begin) this.#isOpen = true;
    const isPaid = this.#isOpen && this.#saved >= 1;
    if (isPaid) this.#saved -= 1;
    // A picture that comes a little early does not end a spell that has no end.
    else if (!this.#isForAll) this.#isOpen = false;
    return isPaid;
  }
}
