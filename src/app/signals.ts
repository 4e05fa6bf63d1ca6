/** A list of listeners, through which parts that start early reach parts that start later. */
export class Signal<T> {
  readonly #listeners = new Set<(value: T) => void>();

  emit(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  on(listener: (value: T) => void): void {
    this.#listeners.add(listener);
  }
}
