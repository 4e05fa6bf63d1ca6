import { SCHEDULER, type SchedulerStats } from '../actors/scheduler/scheduler.types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { MOST_CAMERAS } from '../http/schemas/budget-schema.ts';
import { sumRows, type UsageRow } from '../usage/usage-ledger.ts';
import { RecentAnswers } from './recent-answers.ts';
import { SchedulerFigures, type WatchedFigures } from './scheduler-figures.ts';

const EVERY_MS = 5_000;
const QUICK = { timeoutMs: 3_000 };

export interface SchedulerWatchOptions {
  readonly system: Pick<ActorSystem, 'ref'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Tokens and cost of today. */
  readonly ledger: {
    readonly spent: number;
    readonly dailyBudget: number | null;
    allows(): boolean;
    rows(): readonly UsageRow[];
  };
  /** The limit of a verdict's age, in ms, as the key file has it now. */
  readonly freshnessMs: () => number;
}

/** Looks at this process's scheduler every few seconds, and so knows its last minute. */
export class SchedulerWatch {
  readonly #options: SchedulerWatchOptions;
  readonly #recent = new RecentAnswers();
  readonly #timer: NodeJS.Timeout;

  constructor(options: SchedulerWatchOptions, everyMs = EVERY_MS) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), everyMs).unref();
  }

  /** Never rejects: a scheduler that is being restarted is looked at again soon. */
  async look(): Promise<void> {
    try {
      this.#recent.note(SchedulerFigures.parse(await this.#ask()), this.#options.clock.now());
    } catch {
      // The health of the scheduler says that it does not answer.
    }
  }

  /** The scheduler's statistics and their last minute. Rejects when it does not answer. */
  async stats(): Promise<SchedulerStats & WatchedFigures> {
    const { ledger, freshnessMs } = this.#options;
    const stats = await this.#ask();
    const { shortSince } = this.#recent;
    return {
      ...stats,
      recent: this.#recent.recent(),
      short_since: shortSince === null ? null : new Date(shortSince).toISOString(),
      within_daily_budget: ledger.allows(),
      today: { cost: ledger.spent, budget: ledger.dailyBudget, by_camera: callsByCamera(ledger.rows()) },
      freshness_ms: freshnessMs(),
      tokens_per_call: tokensPerCall(ledger.rows()),
    };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #ask(): Promise<SchedulerStats> {
    return this.#options.system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK);
  }
}

function callsByCamera(rows: readonly UsageRow[]): NonNullable<WatchedFigures['today']>['by_camera'] {
  return sumRows([rows.map((row) => ({ ...row, key: '' }))])
    .toSorted((a, b) => b.calls - a.calls)
    .slice(0, MOST_CAMERAS)
    .map(({ camera, calls, cost }) => ({ camera_id: camera, calls, cost }));
}

function tokensPerCall(rows: readonly UsageRow[]): WatchedFigures['tokens_per_call'] {
  const sum = (of: (row: UsageRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const calls = sum((row) => row.calls);
  if (calls === 0) return null;
  const mean = (of: (row: UsageRow) => number): number => Math.round((sum(of) / calls) * 10) / 10;
  return { prompt: mean((row) => row.promptTokens), completion: mean((row) => row.completionTokens) };
}
