/** The budget over the last minutes, as this page saw it: the server keeps no history of it. */
import { createSignal } from 'solid-js';
import type { BudgetReport } from '../../../../src/http/schemas/budget-schema.ts';

/** Twenty minutes at one sample in two seconds. */
const MOST_SAMPLES = 600;

export interface BudgetSample {
  /** Epoch ms. */
  readonly at: number;
  readonly used: number;
  readonly wasted: number;
  readonly allowed: number | null;
  /** s. */
  readonly p95: number | null;
  readonly limit: number | null;
}

const [samples, setSamples] = createSignal<readonly BudgetSample[]>([]);
/** Oldest first; kept while the page is open, at most 600. */
export const budgetSamples = samples;

export function addBudgetSample(at: number, { calls, freshness }: BudgetReport): void {
  const sample = {
    at,
    used: calls.used_last_minute,
    wasted: calls.wasted_last_minute,
    allowed: calls.allowed_per_minute,
    p95: freshness.p95_seconds,
    limit: freshness.limit_seconds,
  };
  setSamples((known) => [...known.slice(1 - MOST_SAMPLES), sample]);
}
