/** Of a crowd the part that begins in one turn: a loop whose turns take long would else bound how many begin in a second. */
const PART_OF_CROWD = 8;

/**
 * Lets one piece of work begin in each turn of the event loop, in the order of asking; of a crowd of more than eight an
 * eighth. All at once, pieces that take a millisecond or two each would hold up everything else for as long as all of them
 * take together.
 */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];
  #turning = false;

  /** Pieces that have not begun. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Resolves when it is the caller's turn: at once, when nobody else had this one. */
  next(): Promise<void> {
    if (!this.#turning) {
      this.#turning = true;
      setImmediate(this.#turn);
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  readonly #turn = (): void => {
    const beginning = this.#waiting.splice(0, Math.ceil(this.#waiting.length / PART_OF_CROWD));
    if (beginning.length === 0) {
      this.#turning = false;
      return;
    }
    setImmediate(this.#turn);
    for (const begin of beginning) begin();
  };
}
