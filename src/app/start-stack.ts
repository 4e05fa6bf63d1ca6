import type { Log } from '../infra/log.ts';
import { asError } from '../runtime/errors.ts';

interface Started {
  readonly name: string;
  readonly stop: () => Promise<void>;
}

/** The started steps, in order. They are stopped in reverse; a stop that fails does not keep the others from theirs. */
export class StartStack {
  readonly #log: Log;
  readonly #started: Started[] = [];
  readonly #signal: AbortSignal | undefined;
  #stopping: Promise<void> | null = null;

  /** `signal` aborts the start: the step under way is the last one, and everything is stopped. */
  constructor(log: Log, signal?: AbortSignal) {
    this.#log = log;
    this.#signal = signal;
  }

  /** Runs one step of the start. When it fails, stops everything before it and rejects with its error. */
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
