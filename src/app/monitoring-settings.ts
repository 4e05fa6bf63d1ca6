import { watchFiles } from '../key-admin/watch-files.ts';
import { type MonitoringConfig, readMonitoring } from '../monitoring/monitoring-config.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

/** Changes that the system does not report, as on some network drives, are found within this time. */
const CHECK_MS = 60_000;

/** The settings of alert rules, read again whenever their file changes. */
export class MonitoringSettings {
  readonly #file: string;
  readonly #log: ActorLog;
  readonly #unwatch: () => void;
  readonly #timer: NodeJS.Timeout;
  #now: MonitoringConfig;
  #problem: string | null = null;
  #reading: Promise<void> | null = null;

  private constructor(file: string, first: MonitoringConfig, log: ActorLog) {
    this.#file = file;
    this.#log = log;
    this.#now = first;
    this.#unwatch = watchFiles(
      [file],
      () => void this.read(),
      (thrown) => this.#unwatched(thrown),
    );
    this.#timer = setInterval(() => void this.read(), CHECK_MS).unref();
  }

  /** Rejects with the error of a file that cannot be used; without a file, the rules are as they come. */
  static async open(file: string, log: ActorLog): Promise<MonitoringSettings> {
    return new MonitoringSettings(file, await readMonitoring(file), log);
  }

  get now(): MonitoringConfig {
    return this.#now;
  }

  /** That the file cannot be used, and the settings are those before; null when all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Reads the file. One that cannot be used changes nothing. Never rejects. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unwatch();
  }

  async #read(): Promise<void> {
    try {
      const read = await readMonitoring(this.#file);
      if (JSON.stringify(read) !== JSON.stringify(this.#now))
        this.#log.info({ file: this.#file, rules: read.rules.length }, 'the alert rules are changed');
      this.#now = read;
      this.#problem = null;
    } catch (thrown) {
      const { message } = asError(thrown);
      const problem = `the alert rules are as before, since their file cannot be used: ${message}`;
      if (problem !== this.#problem) this.#log.error({ file: this.#file }, problem);
      this.#problem = problem;
    }
  }

  #unwatched(thrown: unknown): void {
    const err = asError(thrown).message;
    this.#log.debug({ file: this.#file, err }, `changes of ${this.#file} are found once a minute: ${err}`);
  }
}
