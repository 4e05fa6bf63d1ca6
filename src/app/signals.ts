/** A list of listeners: lets parts that start early call parts that start later. */
export class Signal<T> {
  readonly #listeners = new Set<(value: T) => void>();

  emit(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }

  on(listener: (value: T) => void): void {
    this.#listeners.add(listener);
  }
}
