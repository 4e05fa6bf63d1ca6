import type { Role } from './config.ts';
import type { StartStack } from './start-stack.ts';

/** Values available to every step. */
export interface StartGiven {
  readonly config: { readonly roles: readonly Role[] };
  readonly stack: StartStack;
}

/** One row of the table. */
export interface StartStep<Up, T> {
  /** As the log calls it. */
  readonly name: string;
  /** Gets the results of all rows above, by key. */
  readonly start: (up: Up) => T | Promise<T>;
  /** Called at the stop; the rows below are stopped by then. */
  readonly stop?: (result: T, up: Up) => unknown;
}

type Added<K extends string, T> = { readonly [Key in K]: T };

/**
 * The order of a start, as a table: each row starts one part, says how it is stopped, and gives its result to the rows
 * below under its key. Immutable: each call returns a longer table.
 */
export class StartTable<Given extends StartGiven, Up extends Given = Given> {
  readonly #run: (given: Given) => Promise<Up>;

  private constructor(run: (given: Given) => Promise<Up>) {
    this.#run = run;
  }

  /** A table without rows. */
  static given<Given extends StartGiven>(): StartTable<Given> {
    return new StartTable((given) => Promise.resolve(given));
  }

  /** A row for every process. */
  step<K extends string, T>(key: K, { name, start, stop }: StartStep<Up, T>): StartTable<Given, Up & Added<K, T>> {
    return this.with((up) =>
      up.stack
        .step(
          name,
          () => start(up),
          async (result) => void (await stop?.(result, up)),
        )
        .then((result) => added(key, result)),
    );
  }

  /** A row for the processes with one of these roles; its result is null in all others. */
  stepFor<K extends string, T>(
    roles: readonly Role[],
    key: K,
    step: StartStep<Up, T>,
  ): StartTable<Given, Up & Added<K, T | null>> {
    const needed = this.step(key, step);
    return new StartTable(async (given) =>
      given.config.roles.some((role) => roles.includes(role))
        ? needed.#run(given)
        : { ...(await this.#run(given)), ...added(key, null) },
    );
  }

  /** Adds the fields of an object that has nothing to stop, or whose parts are steps of the stack themselves. */
  with<T extends object>(make: (up: Up) => T | Promise<T>): StartTable<Given, Up & T> {
    return new StartTable(async (given) => {
      const up = await this.#run(given);
      return { ...up, ...(await make(up)) };
    });
  }

  /** Runs the rows from top to bottom. When one fails, stops those above it and rejects with its error. */
  async run(given: Given): Promise<Up> {
    try {
      return await this.#run(given);
    } catch (thrown) {
      await given.stack.stop();
      throw thrown;
    }
  }
}

const added = <K extends string, T>(key: K, result: T): Added<K, T> => ({ [key]: result }) as Added<K, T>;
