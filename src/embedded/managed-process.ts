import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { childEnvironment } from '../runtime/child-environment.ts';
import { OutputTail } from '../runtime/output-tail.ts';
import { endLeftover, removePidFile, writePidFile } from './leftover.ts';
import type { OnServiceState, ServiceLog, ServiceState } from './service.ts';
import { EmbeddedError } from './service.ts';

export interface ProcessOptions {
  /** For logs and messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the variables that every child gets, see `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Writes the program's files. Called once, before the first launch, when no other process uses the folder any more.
   */
  readonly prepare?: () => Promise<void>;
  /** Resolves when the program serves. Rejects on `signal` (it ended, took too long, or is being stopped). */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** Default 10 s. */
  readonly readyTimeoutMs?: number;
  /** Between SIGTERM and SIGKILL when stopping. Default 3 s. */
  readonly stopTimeoutMs?: number;
  /** See {@link writePidFile}. Default: none, and no leftover is looked for. */
  readonly pidFile?: string;
  readonly log: ServiceLog;
  readonly onState?: OnServiceState;
}

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 10_000;
/** After a run this long the back-off starts from the beginning. */
const HEALTHY_AFTER_MS = 10_000;
/** Lines of the program's output that are kept. */
const KEPT_LINES = 30;

/** Milliseconds before the `failures`-th restart in a row (1, 2, ...): 200, doubling up to 10,000. */
export const restartDelay = (failures: number): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.max(0, Math.min(failures, 30) - 1));

/**
 * A child process that Gantry owns: restarted with back-off when it ends by itself, and ended by `stop`. It has its own
 * process group, so that a terminal's Ctrl-C reaches only Gantry, which stops everything in order.
 */
export class ManagedProcess {
  readonly #options: ProcessOptions;
  readonly #ended = new AbortController();
  #state: ServiceState = 'starting';
  #child: ChildProcess | null = null;
  #exit: Promise<string> = Promise.resolve('');
  #tail = new OutputTail(KEPT_LINES);
  #restarts = 0;
  #failures = 0;
  #stopping: Promise<void> | null = null;
  #supervising: Promise<void> = Promise.resolve();

  private constructor(options: ProcessOptions) {
    this.#options = options;
  }

  /**
   * Ends a leftover, starts the program and waits until it is ready. A failed first start is not retried.
   * @throws {EmbeddedError} `SPAWN_FAILED`, `EXITED_EARLY`, `NOT_READY`, `FOLDER_IN_USE`.
   */
  static async start(options: ProcessOptions): Promise<ManagedProcess> {
    if (options.pidFile !== undefined) {
      const leftover = await endLeftover(options.pidFile);
      if (leftover !== 'none')
        options.log.warn(
          { service: options.name, ...leftover },
          `ended the ${options.name} that a killed Gantry had left behind`,
        );
    }
    await options.prepare?.();
    const managed = new ManagedProcess(options);
    managed.#announce('starting');
    try {
      await managed.#launch();
    } catch (error) {
      managed.#announce('stopped');
      throw error;
    }
    managed.#supervising = managed.#supervise();
    return managed;
  }

  state(): ServiceState {
    return this.#state;
  }

  pid(): number | null {
    return this.#child?.pid ?? null;
  }

  restarts(): number {
    return this.#restarts;
  }

  /** The last 30 lines the program wrote to standard error or output, of 300 characters at most. */
  tail(): string {
    return this.#tail.lines().join('\n');
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#ended.abort(new Error('stopped'));
    await this.#supervising;
    await this.#end();
    this.#announce('stopped');
  }

  /** Ends the child if one runs: SIGTERM, then SIGKILL. */
  async #end(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.#options.log.warn(
        { service: this.#options.name, pid: child.pid },
        `${this.#options.name} did not end after SIGTERM; killing it`,
      );
      child.kill('SIGKILL');
    }, this.#options.stopTimeoutMs ?? 3000);
    await this.#exit;
    clearTimeout(timer);
    this.#child = null;
    if (this.#options.pidFile !== undefined) await removePidFile(this.#options.pidFile);
  }

  async #launch(): Promise<void> {
    const { name, command, args, pidFile } = this.#options;
    const child = spawn(command, args, {
      env: childEnvironment({ extra: this.#options.env ?? {} }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const failed = new AbortController();
    this.#exit = new Promise((resolve) => {
      child.on('error', (error) => resolve(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `ended with status ${code}` : `was ended by ${signal}`),
      );
    });
    const tail = new OutputTail(KEPT_LINES);
    this.#tail = tail;
    for (const pipe of [child.stdout, child.stderr]) tail.follow(pipe, Infinity);
    if (child.pid === undefined) {
      throw new EmbeddedError('SPAWN_FAILED', `${name} (${command}) ${await this.#exit}`, { service: name, command });
    }
    this.#child = child;
    void this.#exit.then((how) =>
      failed.abort(
        new EmbeddedError('EXITED_EARLY', `${name} ${how} before it was ready: ${this.#lastWords()}`, {
          service: name,
          command,
        }),
      ),
    );
    try {
      if (pidFile !== undefined) await writePidFile(pidFile, child.pid, [command, ...args]);
      await this.#awaitReady(failed.signal);
    } catch (error) {
      await this.#end();
      throw error;
    }
    this.#announce('running');
  }

  async #awaitReady(failed: AbortSignal): Promise<void> {
    const timeoutMs = this.#options.readyTimeoutMs ?? 10_000;
    const timeout = new AbortController();
    const signal = AbortSignal.any([failed, this.#ended.signal, timeout.signal]);
    const timer = setTimeout(
      () =>
        timeout.abort(
          new EmbeddedError(
            'NOT_READY',
            `${this.#options.name} was not ready after ${timeoutMs / 1000} s: ${this.#lastWords()}`,
            { service: this.#options.name },
          ),
        ),
      timeoutMs,
    );
    try {
      // The probe may ignore the signal for a while, so the signal also ends this wait.
      const aborted = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => aborted.reject(signal.reason as Error), { once: true });
      signal.throwIfAborted();
      await Promise.race([this.#options.ready(signal), aborted.promise]);
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Restarts the child whenever it ends, until stopped. Never rejects. */
  async #supervise(): Promise<void> {
    const { name, log } = this.#options;
    const ended = this.#ended.signal;
    const stopped = new Promise<null>((resolve) =>
      ended.addEventListener('abort', () => resolve(null), { once: true }),
    );
    while (!ended.aborted) {
      const began = performance.now();
      const how = await Promise.race([this.#exit, stopped]);
      if (how === null || ended.aborted) return;
      this.#child = null;
      if (performance.now() - began > HEALTHY_AFTER_MS) this.#failures = 0;
      this.#announce('down');
      log.error({ service: name, lastWords: this.#lastWords() }, `${name} ${how}; it will be restarted`);
      await this.#relaunch(ended);
    }
  }

  async #relaunch(ended: AbortSignal): Promise<void> {
    const { name, log } = this.#options;
    while (!ended.aborted) {
      this.#failures += 1;
      try {
        await delay(restartDelay(this.#failures), undefined, { signal: ended });
        this.#announce('starting');
        await this.#launch();
        this.#restarts += 1;
        log.info({ service: name, pid: this.pid(), restarts: this.#restarts }, `${name} is back`);
        return;
      } catch (error) {
        if (ended.aborted) return;
        this.#announce('down');
        const message = error instanceof Error ? error.message : String(error);
        log.error(
          { service: name, attempt: this.#failures, nextMs: restartDelay(this.#failures + 1) },
          `${name} could not be restarted: ${message}`,
        );
      }
    }
  }

  #lastWords(): string {
    return this.#tail.lines().slice(-3).join(' | ') || 'it printed nothing';
  }

  #announce(state: ServiceState): void {
    if (this.#state === state && state !== 'starting') return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}
