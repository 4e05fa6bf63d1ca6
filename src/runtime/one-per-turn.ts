/**
 * Lets one piece of work begin in each turn of the event loop, in the order of asking. A crowd of pieces that take a
 * millisecond or two each would otherwise hold up everything else for as long as all of them take together.
 */
export class OnePerTurn {
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
    const begin = this.#waiting.shift();
    if (begin === undefined) {
      this.#turning = false;
      return;
    }
    setImmediate(this.#turn);
    begin();
  };
}
