import type { Log } from '../infra/log.ts';
import { asError } from '../runtime/errors.ts';

interface Started {
  readonly name: string;
  readonly stop: () => Promise<void>;
}

/** What was started, in order, and how to end it: in reverse, each step within its time, whatever the others do. */
export class StartStack {
  readonly #log: Log;
  readonly #started: Started[] = [];
  readonly #signal: AbortSignal | undefined;
  #stopping: Promise<void> | null = null;

  /** `signal` gives up the start: the step under way is the last, and everything is stopped. */
  constructor(log: Log, signal?: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /** Runs one step of the start. When it fails, everything before it is stopped and the error is thrown on. */
  async step<T>(name: string, start: () => T | Promise<T>, stop: (value: T) => void | Promise<void>): Promise<T> {
    const began = performance.now();
    try {
      this.#signal?.throwIfAborted();
      const value = await start();
      this.#started.push({ name, stop: async () => stop(value) });
      this.#signal?.throwIfAborted();
      this.#log.debug({ step: name, ms: Math.round(performance.now() - began) }, `started: ${name}`);
      return value;
    } catch (thrown) {
      if (this.#signal?.aborted !== true)
        this.#log.error({ step: name, err: asError(thrown) }, `could not start ${name}: ${asError(thrown).message}`);
      await this.stop();
      throw thrown;
    }
  }

  /** As `step`, for what only some processes need; null when this one does not. */
  stepIf<T>(
    needed: boolean,
    name: string,
    start: () => T | Promise<T>,
    stop: (value: T) => void | Promise<void>,
  ): Promise<T | null> {
    return needed ? this.step(name, start, stop) : Promise.resolve(null);
  }

  /** Stops everything, last started first. Later calls wait for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    for (const { name, stop } of this.#started.splice(0).toReversed()) {
      const began = performance.now();
      try {
        await stop();
        this.#log.debug({ step: name, ms: Math.round(performance.now() - began) }, `stopped: ${name}`);
      } catch (thrown) {
        if (this.#signal?.aborted !== true)
          this.#log.error(
            { step: name, err: asError(thrown) },
            `could not stop ${name} cleanly: ${asError(thrown).message}`,
          );
      }
    }
  }
}
