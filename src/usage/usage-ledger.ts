import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';

/** What one key used for one camera on one day (UTC). Cost is in the currency of the prices. */
export const UsageRow = z.object({
  key: z.string().max(100),
  camera: z.string().max(200),
  calls: z.int().min(0),
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  cost: z.number().min(0),
});
export type UsageRow = z.infer<typeof UsageRow>;
export const UsageRows = z.array(UsageRow).max(100_000);

/** Cost of 1,000 tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface Call {
  readonly keyName: string;
  readonly cameraId: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** `2026-01-31`, UTC. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

export const costOf = (call: Call, price: Price | undefined): number =>
  price === undefined ? 0 : (call.promptTokens * price.input + call.completionTokens * price.output) / 1_000;

const MOST_ROWS = 20_000;
/** The camera under which usage counts once there are too many rows. */
const OTHER = 'other';

/** Rows of several nodes, or of several times, added up by key and camera. */
export function sumRows(lists: Iterable<readonly UsageRow[]>): UsageRow[] {
  const sums = new Map<string, UsageRow>();
  for (const rows of lists) for (const row of rows) add(sums, row);
  return [...sums.values()];
}

function add(sums: Map<string, UsageRow>, row: UsageRow): void {
  const id = `${row.key}\n${row.camera}`;
  const known = sums.get(id);
  if (known === undefined && sums.size >= MOST_ROWS && row.camera !== OTHER) {
    add(sums, { ...row, camera: OTHER });
    return;
  }
  sums.set(id, {
    ...row,
    calls: row.calls + (known?.calls ?? 0),
    promptTokens: row.promptTokens + (known?.promptTokens ?? 0),
    completionTokens: row.completionTokens + (known?.completionTokens ?? 0),
    cost: row.cost + (known?.cost ?? 0),
  });
}

export interface LedgerOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly prices: () => ReadonlyMap<string, Price>;
  /** Cost per day of all nodes; null: no bound. */
  readonly dailyBudget: () => number | null;
}

/** This node's usage of the present day, and whether the day's budget is spent. */
export class UsageLedger {
  readonly #options: LedgerOptions;
  #day: string;
  #rows = new Map<string, UsageRow>();
  #cost = 0;
  #others = { day: '', cost: 0 };
  /** Counts changes, so that a store knows whether to write. */
  revision = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#day = dayOf(options.clock.now());
  }

  get day(): string {
    this.#startDay();
    return this.#day;
  }

  /** Counts one call; returns its cost. */
  record(call: Call): number {
    this.#startDay();
    const cost = costOf(call, this.#options.prices().get(call.keyName));
    this.#add({
      key: call.keyName,
      camera: call.cameraId,
      calls: 1,
      promptTokens: call.promptTokens,
      completionTokens: call.completionTokens,
      cost,
    });
    this.revision += 1;
    return cost;
  }

  /** Adds usage of `day` from before this process began. */
  restore(day: string, rows: readonly UsageRow[]): void {
    if (day === this.day) for (const row of rows) this.#add(row);
  }

  /** Sets the cost of the other nodes on `day`, as far as it is known. */
  others(day: string, cost: number): void {
    this.#others = { day, cost };
  }

  rows(): readonly UsageRow[] {
    this.#startDay();
    return [...this.#rows.values()];
  }

  /** Cost per day of all nodes; null: no bound. */
  get dailyBudget(): number | null {
    return this.#options.dailyBudget();
  }

  /** Cost of the present day, all nodes together. */
  get spent(): number {
    this.#startDay();
    return this.#cost + (this.#others.day === this.#day ? this.#others.cost : 0);
  }

  /**
   * False once the day's budget is spent. Calls in flight at that moment exceed it, and so may calls of other nodes
   * that are not known here yet.
   */
  allows(): boolean {
    const budget = this.dailyBudget;
    return budget === null || this.spent < budget;
  }

  #add(row: UsageRow): void {
    add(this.#rows, row);
    this.#cost += row.cost;
  }

  #startDay(): void {
    const today = dayOf(this.#options.clock.now());
    if (today === this.#day) return;
    this.#day = today;
    this.#rows = new Map();
    this.#cost = 0;
    this.revision += 1;
  }
}
