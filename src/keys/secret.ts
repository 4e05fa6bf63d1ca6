import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const MASK = '***';

/**
 * A value that must not be seen. Printing, logging, inspecting or serialising it gives `***`; only `reveal()` gives the
 * value, so every place where it can leak is found by searching for that word.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  /** Eight hex digits that tell two secrets apart and give neither away. */
  fingerprint(): string {
    return createHash('sha256').update(this.#value).digest('hex').slice(0, 8);
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
