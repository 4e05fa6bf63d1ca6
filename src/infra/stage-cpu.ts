import { isMainThread } from 'node:worker_threads';
import { CounterTotals, type MetricRecorder } from './metric-table.ts';

/** The threads whose processor time is shown apart; `native`: all others of the process. */
export type CpuStage = 'main' | 'ingest' | 'cameras' | 'caller' | 'aggregator' | 'native';

/**
 * Shows the processor time of the thread that calls `note`, or of its whole process where that does nothing else. Other
 * threads add to the same series.
 */
export class StageCpu {
  readonly #totals: CounterTotals;
  readonly #stage: CpuStage;

  constructor(metrics: Pick<MetricRecorder, 'inc'>, stage: CpuStage) {
    this.#totals = new CounterTotals(metrics);
    this.#stage = stage;
  }

  /** To be called every second or so; costs a microsecond. */
  note(): void {
    const isWhole = isMainThread && this.#stage !== 'main';
    this.#totals.raise('stage_cpu_seconds_total', secondsOf(isWhole ? process.cpuUsage() : process.threadCpuUsage()), {
      stage: this.#stage,
    });
  }
}

export const secondsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;
