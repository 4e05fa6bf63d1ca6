/** A double-ended queue over a growing array whose length is a power of two. Amortised O(1) at both ends. */
export class Ring<T> {
  #slots: (T | undefined)[] = [undefined, undefined, undefined, undefined];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = value;
    this.#size += 1;
  }

  unshift(value: T): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = value;
    this.#size += 1;
  }

  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const value = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size -= 1;
    return value;
  }

  /** Removes the first value that fits; the order of the others stays. */
  shiftWhere(fits: (value: T) => boolean): T | undefined {
    const passed: T[] = [];
    let found: T | undefined;
    for (let next = this.shift(); next !== undefined; next = this.shift()) {
      if (fits(next)) {
        found = next;
        break;
      }
      passed.push(next);
    }
    for (const value of passed.toReversed()) this.unshift(value);
    return found;
  }

  count(fits: (value: T) => boolean): number {
    let count = 0;
    for (let index = 0; index < this.#size; index += 1) {
      const value = this.#slots[(this.#head + index) & (this.#slots.length - 1)];
      if (value !== undefined && fits(value)) count += 1;
    }
    return count;
  }

  /** Drops all that do not fit; the order of the others stays. */
  keep(fits: (value: T) => boolean): void {
    for (let left = this.#size; left > 0; left -= 1) {
      const value = this.shift();
      if (value !== undefined && fits(value)) this.push(value);
    }
  }

  #grow(): void {
    const { length } = this.#slots;
    const bigger: (T | undefined)[] = Array.from({ length: length * 2 });
    for (let index = 0; index < length; index += 1) bigger[index] = this.#slots[(this.#head + index) & (length - 1)];
    this.#slots = bigger;
    this.#head = 0;
  }
}
